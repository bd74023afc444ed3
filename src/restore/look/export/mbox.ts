/** The mbox format, in its variant mboxrd: `From ` at the beginning of a line gets one more `>`, so that it can be taken away again. */
import type { MessageHeaders } from '../../../store/message/headers.ts';

const FROM = Buffer.from('From ');
const GREATER = Buffer.from('>');
const LINE_FEED = Buffer.from('\n');
const QUOTE = 0x3e;
const LF = 0x0a;

/** A message as it stands in an mbox. @param received seconds since 1970 */
export function mboxEntry(content: Buffer, headers: Pick<MessageHeaders, 'from'>, received: number): Buffer {
  const parts: Buffer[] = [Buffer.from(`From ${senderOf(headers.from)} ${asctime(received)}\n`)];
  let from = 0;
  for (let at = content.indexOf(FROM); at >= 0; at = content.indexOf(FROM, at + 1)) {
    let begin = at;
    while (begin > 0 && content[begin - 1] === QUOTE) begin--;
    if (begin > 0 && content[begin - 1] !== LF) continue;
    parts.push(content.subarray(from, begin), GREATER);
    from = begin;
  }
  parts.push(content.subarray(from));
  if (content.length > 0 && content[content.length - 1] !== LF) parts.push(LINE_FEED);
  parts.push(LINE_FEED);
  return Buffer.concat(parts);
}

/** The address in a From field, as far as it can stand in a line that begins with `From `. */
function senderOf(from: string | undefined): string {
  const address = /<([^<>\s]+)>/.exec(from ?? '')?.[1] ?? /[^\s<>"(),]+@[^\s<>"(),]+/.exec(from ?? '')?.[0];
  return address !== undefined && /^[\x21-\x7e]{1,254}$/.test(address) ? address : 'MAILER-DAEMON';
}

/** `Thu Nov 19 10:00:00 2026`, in UTC (asctime(3)). */
function asctime(seconds: number): string {
  const [, weekday = '', day = '', month = '', year = '', time = ''] =
    /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(seconds * 1000).toUTCString()) ?? [];
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}
