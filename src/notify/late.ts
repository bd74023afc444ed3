/** Mails that were held up say so, and several that were held up come as one. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../errors/error.ts';
import { isoTime, now } from '../system/clock.ts';
import { compose } from './compose.ts';
import type { OutgoingMail } from './message.ts';
import type { SpooledMail } from './spool.ts';
import type { Wording } from './wording.ts';

/** A mail that is younger is not late. */
const LATE_MS = 10 * 60_000;

/** What is left of it to send: to whom, and marked where it is late. */
export function marked({ mail, state }: SpooledMail, { say, span }: Wording): OutgoingMail {
  const delay = now() - mail.writtenAt;
  const left: OutgoingMail = { ...mail, to: state.left };
  if (delay < LATE_MS) return left;
  const note = say(`Delayed by ${span(delay)}: written at ${isoTime(mail.writtenAt)}${reason([{ mail, state }])}.`);
  const mark = say(`delayed by ${span(delay)}`);
  return {
    ...left,
    subject: `${mail.subject} (${mark})`,
    text: `${note}\n\n${mail.text}`,
    ...(mail.html === undefined ? {} : { html: withNote(mail.html, note) }),
    headers: { ...mail.headers, 'X-Mailrecover-Delayed': String(Math.round(delay / 1000)) },
  };
}

/**
 * One mail that holds several, all for the same recipients: their texts one after the other, oldest first, and each as it was as an attachment.
 * Its name comes from theirs, so that the same mails always make the same one.
 */
export async function together(spooled: readonly SpooledMail[], from: string, { say, span }: Wording): Promise<OutgoingMail> {
  const [first] = spooled;
  if (first === undefined) throw new MailrecoverError('bug', 'no mails to be sent together');
  const id = `late-${createHash('sha256')
    .update(spooled.map(({ mail }) => mail.id).join(' '))
    .digest('hex')
    .slice(0, 24)}`;
  const delay = span(now() - first.mail.writtenAt);
  const rule = '='.repeat(72);
  const newest = (spooled.at(-1) ?? first).mail.subject.replace(/^\[mailrecover\] /, '');
  // Of one thing the newest state counts.
  const events = new Map(spooled.flatMap(({ mail }) => mail.events ?? []).map((event) => [event.key, event]));
  const title = say(`${spooled.length} delayed messages, newest: ${newest}`);
  const list = spooled.map(({ mail }) => `${isoTime(mail.writtenAt)}  ${mail.subject}`);
  return {
    id,
    writtenAt: now(),
    to: first.state.left,
    subject: `[mailrecover] ${title}`,
    text: [
      say(`${spooled.length} messages could not be sent for up to ${delay}${reason(spooled)}. Each is attached as it was.`),
      '',
      ...list,
      ...spooled.flatMap(({ mail }) => ['', rule, `${isoTime(mail.writtenAt)}  ${mail.subject}`, rule, '', mail.text.trimEnd()]),
      '',
    ].join('\n'),
    headers: { 'X-Mailrecover-Delayed': String(Math.round((now() - first.mail.writtenAt) / 1000)) },
    ...(events.size === 0 ? {} : { events: [...events.values()] }),
    attachments: await Promise.all(
      spooled.map(async ({ mail }) => ({
        filename: `${isoTime(mail.writtenAt).replace(/[:.]/g, '-')}.eml`,
        contentType: 'message/rfc822',
        content: await compose(mail, from),
      })),
    ),
  };
}

function reason(spooled: readonly SpooledMail[]): string {
  const said = spooled.flatMap(({ state }) => state.said).at(-1);
  return said === undefined ? '' : `; ${said.transport}: ${said.refusal.message}`;
}

function withNote(html: string, note: string): string {
  const box = `<p style="border:2px solid #888;padding:8px">${note.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)}</p>`;
  return /<body[^>]*>/i.test(html) ? html.replace(/<body[^>]*>/i, (body) => body + box) : box + html;
}
