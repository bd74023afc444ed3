/** ntfy (docs.ntfy.sh/publish), the public service or one's own. */
import { cutLine, cutText, utf8Length } from './cut.ts';
import { severityOf, type Severity, type Template } from './template.ts';

/** Longer messages become a file that must be opened; titles of more than 1 KB are refused. */
const MAX_MESSAGE = 4096;
const MAX_TITLE = 250;

/** 5 rings until somebody looks; 3 is usual; 2 makes no sound. */
const PRIORITY: Record<Severity, number> = { info: 3, ok: 2, warning: 3, partial: 4, failed: 5 };

export const ntfy: Template = ({ mail, token }) => {
  const severity = severityOf(mail);
  return [
    {
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        title: headerText(cutLine(mail.subject, MAX_TITLE, utf8Length)),
        priority: String(PRIORITY[severity]),
        tags: `mailrecover,${severity}`,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: cutText(mail.text.trim() || mail.subject, MAX_MESSAGE, utf8Length),
    },
  ];
};

/** A header in ASCII: other text as one encoded word (RFC 2047), which ntfy decodes. */
function headerText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- what a header must not hold
  const plain = text.replace(/[\x00-\x1f\x7f]+/g, ' ');
  return /^[\x20-\x7e]*$/.test(plain) && !plain.includes('=?') ? plain : `=?UTF-8?B?${Buffer.from(plain).toString('base64')}?=`;
}
