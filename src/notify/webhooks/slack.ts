/** Slack's incoming webhooks (docs.slack.dev: "Sending messages using incoming webhooks", "Block Kit: blocks"). */
import { cutLine, cutText } from './cut.ts';
import type { Template } from './template.ts';

/** A header takes 150 characters, a section 3,000, escapes counted. */
const MAX_HEADER = 150;
const MAX_SECTION = 3000;
const FENCE = '```';
/** Sections that one message gets; a channel is no place for more. */
const SECTIONS = 3;

export const slack: Template = ({ mail }) => {
  const text = escaped(mail.text.trim()).replaceAll(FENCE, "'''");
  const room = MAX_SECTION - 2 * FENCE.length - 2;
  const blocks: object[] = [{ type: 'header', text: { type: 'plain_text', text: cutLine(mail.subject, MAX_HEADER), emoji: false } }];
  for (const part of parts(cutText(text, SECTIONS * (room - 200)), room))
    blocks.push({ type: 'section', text: { type: 'mrkdwn', text: `${FENCE}\n${part}\n${FENCE}` } });
  return [
    { headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify({ text: escaped(mail.subject), blocks }) },
  ];
};

/** "Escaping text": these three, and no other. */
function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Whole lines, as many in each part as fit. */
function parts(text: string, room: number): string[] {
  const found: string[] = [];
  for (const line of text.split('\n').flatMap((each) => pieces(each, room))) {
    const last = found.at(-1);
    if (last === undefined || last.length + 1 + line.length > room) found.push(line);
    else found[found.length - 1] = `${last}\n${line}`;
  }
  return found.filter((part) => part.trim() !== '');
}

function pieces(line: string, room: number): string[] {
  if (line.length <= room) return [line];
  const found: string[] = [];
  for (let at = 0; at < line.length; at += room) found.push(line.slice(at, at + room).toWellFormed());
  return found;
}
