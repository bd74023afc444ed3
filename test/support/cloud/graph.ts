/** The part of Microsoft Graph that sends mail (v1.0), as its documentation has it. */
import { randomBytes } from 'node:crypto';
import { GraphRefusal } from './graph-refusal.ts';
import { handOn, inspect } from './mail.ts';
import type { MicrosoftOptions } from './microsoft.ts';
import type { Issuer } from './tokens.ts';
import type { Answer, Asked, Web } from './web.ts';

const GRAPH = 'https://graph.microsoft.com';
const MAX_REQUEST = 4 * 1024 * 1024;
const MAX_MESSAGE = 35 * 1024 * 1024;

interface Draft {
  mime: Buffer;
  attachments: { name: string; contentType: string; content: Buffer }[];
}

interface Session {
  draft: string;
  name: string;
  contentType: string;
  size: number;
  parts: Buffer[];
}

const drafts = new Map<string, Draft>();
const sessions = new Map<string, Session>();

/** Drafts that were neither sent nor deleted. */
export function draftsLeft(): number {
  return drafts.size;
}

interface Context {
  asked: Asked;
  options: MicrosoftOptions;
  graph: Issuer;
  web: Web;
}

export async function graphAnswer(context: Context): Promise<Answer> {
  try {
    return await answer(context);
  } catch (error) {
    if (!(error instanceof GraphRefusal)) throw error;
    return {
      status: error.status,
      body: { error: { code: error.code, message: error.message, innerError: { date: new Date().toISOString() } } },
    };
  }
}

async function answer(context: Context): Promise<Answer> {
  const { asked, web } = context;
  if (asked.body.length > MAX_REQUEST) throw new GraphRefusal(413, 'RequestBodyTooLarge', 'The request body is too large.');
  const upload = /^\/upload\/(.+)$/.exec(asked.url.pathname)?.[1];
  if (upload !== undefined) return uploadPart(asked, upload);
  if (asked.url.pathname === '/v1.0/users' && asked.method === 'GET') return users(context);
  const [, who, action = ''] = /^\/v1\.0\/(me|users\/[^/]+)\/(.+)$/.exec(asked.url.pathname) ?? [];
  if (who === undefined) throw new GraphRefusal(400, 'BadRequest', `Resource not found for the segment '${asked.url.pathname}'.`);
  const may = authorize(context, who);
  if (asked.method === 'POST' && action === 'sendMail') {
    may('Mail.Send');
    await send(context, mime(asked));
    return { status: 202 };
  }
  may('Mail.ReadWrite');
  if (asked.method === 'POST' && action === 'messages') {
    const id = randomBytes(12).toString('base64url');
    drafts.set(id, { mime: mime(asked), attachments: [] });
    return { status: 201, body: { id, isDraft: true } };
  }
  const [, id = '', rest = ''] = /^messages\/([^/]+)\/?(.*)$/.exec(action) ?? [];
  const draft = drafts.get(decodeURIComponent(id));
  if (draft === undefined) throw new GraphRefusal(404, 'ErrorItemNotFound', 'The specified object was not found in the store.');
  if (asked.method === 'DELETE' && rest === '') {
    drafts.delete(id);
    return { status: 204 };
  }
  if (rest === 'attachments') {
    const item = JSON.parse(asked.body.toString()) as Record<string, string>;
    if (item['@odata.type'] !== '#microsoft.graph.fileAttachment') throw new GraphRefusal(400, 'BadRequest', 'no type');
    const content = strictBase64(item['contentBytes'] ?? '');
    if (content.length >= 3 * 1024 * 1024) throw new GraphRefusal(413, 'ErrorAttachmentSizeLimitExceeded', 'use an upload session');
    draft.attachments.push({ name: item['name'] ?? '', contentType: item['contentType'] ?? '', content });
    return { status: 201, body: { id: 'a' } };
  }
  if (rest === 'attachments/createUploadSession') {
    const { AttachmentItem: item } = JSON.parse(asked.body.toString()) as {
      AttachmentItem: { attachmentType: string; name: string; contentType: string; size: number };
    };
    if (item.attachmentType !== 'file' || item.size < 3 * 1024 * 1024 || item.size > 150 * 1024 * 1024)
      throw new GraphRefusal(400, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize', 'Attachment size must be 3 MB to 150 MB.');
    const session = randomBytes(12).toString('hex');
    sessions.set(session, { draft: id, name: item.name, contentType: item.contentType, size: item.size, parts: [] });
    // On another host than Graph, as the real ones are: no token must go there.
    const uploadUrl = `https://127.0.0.1:${web.port}/upload/${session}`;
    return {
      status: 201,
      body: { uploadUrl, expirationDateTime: new Date(Date.now() + 600_000).toISOString(), nextExpectedRanges: ['0-'] },
    };
  }
  if (asked.method === 'POST' && rest === 'send') {
    may('Mail.Send');
    await send(context, assemble(draft));
    drafts.delete(id);
    return { status: 202 };
  }
  throw new GraphRefusal(400, 'BadRequest', `unknown: ${asked.method} ${action}`);
}

/** More pages than one, as a tenant of some size has. */
const USERS_A_PAGE = 2;

/** "List users": without `$select` the plans are not told. */
function users(context: Context): Answer {
  const { asked, options, web } = context;
  const { given, delegated } = claimsOf(context);
  if (delegated || !given.includes('User.Read.All'))
    throw new GraphRefusal(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
  const { searchParams } = asked.url;
  const top = Number(searchParams.get('$top') ?? 100);
  if (!(top >= 1 && top <= 999)) throw new GraphRefusal(400, 'Request_UnsupportedQuery', 'Invalid page size specified.');
  const fields = (searchParams.get('$select') ?? 'id,displayName,mail,userPrincipalName').split(',');
  const at = Number(searchParams.get('$skiptoken') ?? 0);
  const all = options.directory ?? [];
  const next = at + Math.min(top, USERS_A_PAGE);
  const value = all.slice(at, next).map((user) => Object.fromEntries(fields.map((field) => [field, user[field] ?? null])));
  const more = new URLSearchParams(searchParams);
  more.set('$skiptoken', String(next));
  return {
    status: 200,
    body: { value, ...(next < all.length ? { '@odata.nextLink': `${web.origin}/v1.0/users?${more.toString()}` } : {}) },
  };
}

/** What a token of Graph allows. */
function claimsOf({ asked, graph }: Pick<Context, 'asked' | 'graph'>): {
  claims: Record<string, unknown>;
  given: string[];
  delegated: boolean;
} {
  const token = /^Bearer (\S+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '';
  let claims: Record<string, unknown>;
  try {
    claims = graph.check(token);
  } catch (error) {
    throw new GraphRefusal(401, 'InvalidAuthenticationToken', `Access token validation failure: ${String(error)}`);
  }
  if (claims['aud'] !== GRAPH)
    throw new GraphRefusal(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.');
  const given = [...((claims['roles'] as string[] | undefined) ?? []), ...((claims['scp'] as string | undefined) ?? '').split(' ')];
  return { claims, given, delegated: claims['scp'] !== undefined };
}

/** Checks the token, and gives a check for what it allows. */
function authorize(context: Context, who: string): (permission: string) => void {
  const { options } = context;
  const { claims, given, delegated } = claimsOf(context);
  if (who === 'me' && !delegated)
    throw new GraphRefusal(400, 'BadRequest', '/me request is only valid with delegated authentication flow.');
  const mailbox = who === 'me' ? String(claims['upn']) : decodeURIComponent(who.slice('users/'.length));
  return (permission) => {
    if (!given.includes(permission)) throw new GraphRefusal(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
    if (mailbox !== options.mailbox) throw new GraphRefusal(404, 'ErrorInvalidUser', `The requested user '${mailbox}' is invalid.`);
  };
}

function mime(asked: Asked): Buffer {
  if (asked.headers['content-type'] !== 'text/plain') throw new GraphRefusal(400, 'BadRequest', 'the MIME form needs text/plain');
  return strictBase64(asked.body.toString('latin1'));
}

function strictBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text || bytes.length === 0)
    throw new GraphRefusal(400, 'ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.');
  return bytes;
}

function uploadPart(asked: Asked, id: string): Answer {
  if (asked.headers.authorization !== undefined)
    throw new GraphRefusal(401, 'InvalidAudience', 'The audience claim value is invalid for current resource.');
  const session = sessions.get(id);
  if (session === undefined || asked.method !== 'PUT') throw new GraphRefusal(404, 'ErrorItemNotFound', 'no such session');
  const have = session.parts.reduce((sum, part) => sum + part.length, 0);
  const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(asked.headers['content-range'] ?? '') ?? [];
  const right = Number(from) === have && Number(to) === have + asked.body.length - 1 && Number(total) === session.size;
  if (!right) throw new GraphRefusal(400, 'ErrorInvalidRange', `got ${asked.headers['content-range'] ?? 'no range'}, expected ${have}-`);
  session.parts.push(asked.body);
  const now = have + asked.body.length;
  if (now < session.size)
    return { status: 200, body: { expirationDateTime: new Date(Date.now() + 600_000).toISOString(), nextExpectedRanges: [`${now}-`] } };
  sessions.delete(id);
  drafts
    .get(session.draft)
    ?.attachments.push({ name: session.name, contentType: session.contentType, content: Buffer.concat(session.parts) });
  return { status: 201, headers: { location: `${GRAPH}/v1.0/attachment` }, body: '' };
}

/** A draft with its attachments, as Exchange would write it. */
function assemble({ mime: head, attachments }: Draft): Buffer {
  const text = head.toString('latin1');
  const at = text.indexOf('\r\n\r\n');
  const lines = text
    .slice(0, at)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const isContent = (line: string): boolean => /^content-/i.test(line);
  const boundary = randomBytes(12).toString('hex');
  const parts = [
    `${lines.filter(isContent).join('\r\n')}\r\n\r\n${text.slice(at + 4)}`,
    ...attachments.map(
      ({ name, contentType, content }) =>
        `Content-Type: ${contentType}\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${(content.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n')}\r\n`,
    ),
  ];
  const top = [...lines.filter((line) => !isContent(line)), `Content-Type: multipart/mixed; boundary="${boundary}"`].join('\r\n');
  return Buffer.from(`${top}\r\n\r\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`, 'latin1');
}

async function send({ options }: Context, bytes: Buffer): Promise<void> {
  if (bytes.length > MAX_MESSAGE)
    throw new GraphRefusal(400, 'ErrorMessageSizeExceeded', 'The message exceeds the maximum supported size.');
  let mail: ReturnType<typeof inspect>;
  try {
    mail = inspect(bytes);
  } catch (error) {
    throw new GraphRefusal(400, 'ErrorMimeContentInvalid', String(error));
  }
  if (mail.from !== options.mailbox)
    throw new GraphRefusal(
      403,
      'ErrorSendAsDenied',
      'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.',
    );
  if (mail.to.length === 0) throw new GraphRefusal(400, 'ErrorInvalidRecipients', 'At least one recipient is not valid.');
  await handOn(options.mailServer, bytes, mail.to);
}
