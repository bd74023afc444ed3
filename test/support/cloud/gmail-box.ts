/** Mailboxes of Gmail as its API fills them (labels, `messages.list`, `messages.import`), and the directory of a domain (Admin SDK), as their documentation has them. */
import { randomBytes } from 'node:crypto';
import type { Issuer } from './tokens.ts';
import type { Answer, Asked } from './web.ts';

export const DIRECTORY_SCOPE = 'https://www.googleapis.com/auth/admin.directory.user.readonly';
const MAIL_SCOPE = 'https://mail.google.com/';

interface Box {
  /** By id. */
  labels: Map<string, string>;
  messages: { id: string; labelIds: string[]; raw: string }[];
}

export interface GmailBox {
  /** By the address of the user. */
  boxes: Map<string, Box>;
  /** Undefined for what is none of this. */
  answer: (asked: Asked) => Answer | undefined;
}

/** Names that a label of a user can't have. */
const RESERVED = /^(?:inbox|sent|drafts?|spam|trash|starred|unread|important|chats?|all mail)$/i;
const SYSTEM = ['INBOX', 'SENT', 'TRASH', 'SPAM', 'DRAFT', 'UNREAD', 'STARRED'];

function refused(status: number, reason: string, message: string): Answer {
  return { status, body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } } };
}

export function gmailBox(issuer: Issuer, users: readonly Record<string, unknown>[], admin: string): GmailBox {
  const boxes = new Map<string, Box>();
  const boxOf = (user: string): Box => {
    const box = boxes.get(user) ?? { labels: new Map(SYSTEM.map((name) => [name, name])), messages: [] };
    boxes.set(user, box);
    return box;
  };
  return { boxes, answer };

  function answer(asked: Asked): Answer | undefined {
    const { pathname } = asked.url;
    const path = `${asked.method} ${pathname}`;
    if (!/^\/(?:upload\/)?gmail\/v1\/users\/me\/(?:labels|messages(?:\/import)?)$|^\/admin\/directory\/v1\/users$/.test(pathname))
      return undefined;
    let claims: Record<string, unknown>;
    try {
      claims = issuer.check(/^Bearer (\S+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '');
    } catch {
      return refused(401, 'authError', 'Invalid Credentials');
    }
    const scopes = String(claims['scope']).split(' ');
    const user = String(claims['sub']);
    if (pathname.startsWith('/admin/')) {
      if (!scopes.includes(DIRECTORY_SCOPE))
        return refused(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
      if (user !== admin) return refused(403, 'forbidden', 'Not Authorized to access this resource/api');
      return directory(asked.url.searchParams);
    }
    if (!scopes.includes(MAIL_SCOPE)) return refused(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
    const box = boxOf(user);
    if (path === 'GET /gmail/v1/users/me/labels')
      return {
        status: 200,
        body: { labels: [...box.labels].map(([id, name]) => ({ id, name, type: SYSTEM.includes(id) ? 'system' : 'user' })) },
      };
    if (path === 'POST /gmail/v1/users/me/labels') {
      const { name } = JSON.parse(asked.body.toString()) as { name: string };
      if ([...box.labels.values()].some((each) => each.toLowerCase() === name.toLowerCase()))
        return refused(409, 'aborted', 'Label name exists or conflicts');
      if (RESERVED.test(name)) return refused(400, 'invalidArgument', 'Invalid label name');
      const id = `Label_${box.labels.size}`;
      box.labels.set(id, name);
      return { status: 200, body: { id, name } };
    }
    if (path === 'GET /gmail/v1/users/me/messages') {
      const id = /^rfc822msgid:(\S+)$/.exec(asked.url.searchParams.get('q') ?? '')?.[1];
      const label = asked.url.searchParams.get('labelIds') ?? '';
      const found = box.messages.filter(({ raw, labelIds }) => labelIds.includes(label) && id !== undefined && raw.includes(`<${id}>`));
      return { status: 200, body: found.length === 0 ? { resultSizeEstimate: 0 } : { messages: found.map((each) => ({ id: each.id })) } };
    }
    if (path === 'POST /upload/gmail/v1/users/me/messages/import') return take(asked, box);
    return refused(404, 'notFound', path);
  }

  function directory(query: URLSearchParams): Answer {
    if (query.get('customer') !== 'my_customer') return refused(400, 'invalid', 'Bad Request');
    const at = Number(query.get('pageToken') ?? 0);
    const page = users.slice(at, at + 2);
    return { status: 200, body: { users: page, ...(at + 2 < users.length ? { nextPageToken: String(at + 2) } : {}) } };
  }

  function take(asked: Asked, box: Box): Answer {
    const boundary = /^multipart\/related; boundary="([^"]+)"$/.exec(asked.headers['content-type'] ?? '')?.[1];
    if (boundary === undefined || asked.url.searchParams.get('uploadType') !== 'multipart')
      return refused(400, 'badContent', 'no multipart upload');
    const [before, first = '', second = '', end] = asked.body.toString('latin1').split(`--${boundary}`);
    const json = /^\r\nContent-Type: application\/json; charset=UTF-8\r\n\r\n(.*)\r\n$/s.exec(first)?.[1];
    const raw = /^\r\nContent-Type: message\/rfc822\r\n\r\n(.*)\r\n$/s.exec(second)?.[1];
    if (before !== '' || json === undefined || raw === undefined || end?.startsWith('--') !== true)
      return refused(400, 'badContent', 'a part is wrong');
    if (/[^\r]\n|\r(?!\n)/.test(raw)) return refused(400, 'invalidArgument', 'a line does not end with CRLF');
    const { labelIds } = JSON.parse(json) as { labelIds: string[] };
    if (labelIds.some((id) => !box.labels.has(id))) return refused(400, 'invalidArgument', 'Invalid label');
    const id = randomBytes(8).toString('hex');
    box.messages.push({ id, labelIds, raw });
    return { status: 200, body: { id, threadId: id, labelIds } };
  }
}
