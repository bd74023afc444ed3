/** From a message to the bytes of a mail (RFC 5322, MIME). */
import { hostname } from 'node:os';
import type { Attachment, OutgoingMail } from './message.ts';

/**
 * The mail as it goes over the wire, with CRLF line ends and nothing but 7-bit lines.
 * @param from the sender's address
 * @param attachments those to put into it, where not all of them
 */
export async function compose(
  mail: OutgoingMail,
  from: string,
  attachments: readonly Attachment[] = mail.attachments ?? [],
): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const composer = new MailComposer({
    from: { name: 'mailrecover', address: from },
    to: [...mail.to],
    subject: mail.subject,
    text: mail.text,
    ...(mail.html === undefined ? {} : { html: mail.html }),
    date: new Date(mail.writtenAt),
    // The same by whichever way and sender it goes out, so that a mail that came twice can be known.
    messageId: `<${mail.id}@${hostname().replace(/[^A-Za-z0-9.-]/g, '-') || 'localhost'}>`,
    headers: {
      // RFC 3834, section 5, and Exchange's own: nobody's out-of-office answers this.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      ...mail.headers,
    },
    attachments: attachments.map(({ filename, contentType, content, cid }) => ({
      filename,
      contentType,
      content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
      ...(cid === undefined ? {} : { cid, contentDisposition: 'inline' as const }),
    })),
    newline: 'windows',
    // What is handed in is data: no path or address in it is ever opened.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}
