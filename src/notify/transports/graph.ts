/** Microsoft Graph: `sendMail` in MIME form, and a draft with upload sessions for what is larger. */
import { compose } from '../compose.ts';
import { type GraphApi, openGraph } from '../graph-client.ts';
import type { Attachment, OutgoingMail } from '../message.ts';
import type { MicrosoftAccount } from '../oauth/account.ts';
import type { TokenOptions } from '../oauth/tokens.ts';
import { Refused } from '../refusal.ts';
import { allAccepted, allRefused, type Transport } from '../transport.ts';

export interface GraphOptions {
  account: MicrosoftAccount;
  from: string;
  tokens: TokenOptions;
}

/** Graph takes 4 MB a request; the mail goes in Base64, which makes four bytes of three. */
const MAX_REQUEST = 4 * 1024 * 1024;
/** Attachments of less go in one request, larger ones need a session (Microsoft: "Attach large files to Outlook messages"). */
const SESSION_FROM = 3 * 1024 * 1024;
const MAX_ATTACHMENT = 150 * 1024 * 1024;
/** A multiple of 320 KiB below the 4 MB that Outlook takes; the client's own default of 5 MiB is refused. */
const RANGE = 320 * 1024 * 10;

const graph: Transport<GraphOptions> = {
  kind: 'graph',
  async send(mail, options, signal) {
    const raw = await compose(mail, options.from);
    try {
      const api = await openGraph(options.account, options.tokens, signal);
      if (base64Length(raw.length) <= MAX_REQUEST) await api.post(`${api.mailbox}/sendMail`, raw.toString('base64'), 'text/plain');
      else await sendLarge(api, mail, options.from);
      return allAccepted(mail);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Refused) return allRefused(mail, error.refusal);
      throw error;
    }
  },
};

export default graph;

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** A draft of everything but files, to which they are attached one by one. A draft that could not be finished is deleted again. */
async function sendLarge(api: GraphApi, mail: OutgoingMail, from: string): Promise<void> {
  const files = (mail.attachments ?? []).filter(({ cid }) => cid === undefined);
  const inline = (mail.attachments ?? []).filter(({ cid }) => cid !== undefined);
  const largest = Math.max(0, ...files.map(({ content }) => content.length));
  const head = await compose(mail, from, inline);
  if (largest > MAX_ATTACHMENT || base64Length(head.length) > MAX_REQUEST) {
    throw new Refused({
      code: 'too-large',
      permanent: true,
      message: 'the mail is larger than Graph takes: 4 MB of text and pictures, 150 MB for a file',
      hint: 'a mail without the attachments goes out in its place',
    });
  }
  const draft = await api.post(`${api.mailbox}/messages`, head.toString('base64'), 'text/plain');
  const id = (draft as { id?: unknown } | undefined)?.id;
  if (typeof id !== 'string' || id === '')
    throw new Refused({ code: 'busy', permanent: false, message: 'Graph made no draft', hint: 'it is tried again by itself' });
  const path = `${api.mailbox}/messages/${encodeURIComponent(id)}`;
  try {
    for (const file of files) await attach(api, path, file);
    await api.post(`${path}/send`, '', 'application/json');
  } catch (error) {
    await api.remove(path).catch(() => undefined);
    throw error;
  }
}

async function attach(api: GraphApi, path: string, { filename, contentType, content }: Attachment): Promise<void> {
  if (content.length < SESSION_FROM) {
    const body = {
      '@odata.type': '#microsoft.graph.fileAttachment',
      name: filename,
      contentType,
      contentBytes: Buffer.from(content).toString('base64'),
    };
    await api.post(`${path}/attachments`, body, 'application/json');
    return;
  }
  const item = { AttachmentItem: { attachmentType: 'file', name: filename, contentType, size: content.length } };
  await api.upload(`${path}/attachments/createUploadSession`, item, filename, content, RANGE);
}
