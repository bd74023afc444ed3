/** What a mail service makes sure of before it takes a mail, and where the mail goes then. */
import { Lmtp } from '../lmtp.ts';

export interface Inspected {
  from: string;
  to: string[];
  headers: Map<string, string>;
}

/** Addresses and headers of a well-formed mail; throws with what is wrong with it. */
export function inspect(bytes: Buffer): Inspected {
  const text = bytes.toString('latin1');
  if (/[^\r]\n|\r(?!\n)/.test(text)) throw new Error('a line does not end with CRLF');
  if (text.split('\r\n').some((line) => line.length > 998)) throw new Error('a line is too long');
  // oxlint-disable-next-line no-control-regex -- that is the question
  if (/[^\x09\x0a\x0d\x20-\x7e]/.test(text)) throw new Error('a byte is not ASCII');
  const headers = new Map<string, string>();
  for (const line of text
    .slice(0, text.indexOf('\r\n\r\n'))
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const [, name = '', value = ''] = /^([!-9;-~]+): (.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`no header: ${line}`);
    if (headers.has(name.toLowerCase())) throw new Error(`${name} stands there twice`);
    headers.set(name.toLowerCase(), value);
  }
  for (const name of ['from', 'to', 'subject', 'date', 'message-id', 'mime-version', 'content-type'])
    if ((headers.get(name) ?? '') === '') throw new Error(`${name} is missing`);
  if (Number.isNaN(Date.parse(headers.get('date') ?? ''))) throw new Error('the date is none');
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1];
  if (boundary !== undefined && !text.includes(`\r\n--${boundary}--`)) throw new Error('the last boundary is missing');
  const addresses = (name: string): string[] => (headers.get(name) ?? '').match(/[^\s<>,"]+@[^\s<>,"]+/g) ?? [];
  return { from: addresses('from')[0] ?? '', to: ['to', 'cc', 'bcc'].flatMap(addresses), headers };
}

/** Hands a mail to a real Dovecot; throws unless it takes it for every recipient. */
export async function handOn(server: { host: string; ports: { lmtp: number } }, mail: Buffer, to: string[]): Promise<void> {
  const lmtp = await Lmtp.connect(server);
  try {
    await lmtp.deliver(mail, to);
  } finally {
    await lmtp.close();
  }
}
