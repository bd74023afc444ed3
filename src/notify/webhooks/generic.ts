/** Our own document, for anything that takes JSON; what stands in it is in docs/notifications.md. */
import { createHmac } from 'node:crypto';
import { isoTime } from '../../system/clock.ts';
import { cutText, jsonLength } from './cut.ts';
import { severityOf, type Template } from './template.ts';

const MAX_TEXT = 200_000;
const MAX_REPORT = 500_000;

export const generic: Template = ({ mail, token, at }) => {
  const { id, writtenAt, subject, text, events = [] } = mail;
  const body = JSON.stringify({
    schema: 'mailrecover-webhook/1',
    id,
    writtenAt: isoTime(writtenAt),
    status: severityOf(mail),
    subject,
    text: cutText(text, MAX_TEXT, jsonLength),
    events,
    ...reportOf(mail.attachments ?? []),
  });
  const signed = token === undefined ? {} : { 'x-mailrecover-signature': signature(body, token, at) };
  return [{ headers: { 'content-type': 'application/json; charset=utf-8', 'x-mailrecover-id': id, ...signed }, body }];
};

/** `t=SECONDS,v1=HEX`: HMAC-SHA-256 over the seconds, a full stop and the body as it was sent. */
function signature(body: string, secret: string, at: number): string {
  const seconds = Math.floor(at / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** The JSON that is attached; where it is too large, its size in its place. */
function reportOf(attachments: readonly { contentType: string; content: Uint8Array }[]): object {
  const found = attachments.find(({ contentType }) => contentType.split(';', 1)[0] === 'application/json');
  if (found === undefined) return {};
  if (found.content.length > MAX_REPORT) return { reportLeftOut: { bytes: found.content.length } };
  try {
    return { report: JSON.parse(Buffer.from(found.content).toString()) as unknown };
  } catch {
    return {};
  }
}
