/** The part of Google Drive (v3) that puts files and shares them, as its documentation has it. */
import { randomBytes } from 'node:crypto';
import type { Issuer } from './tokens.ts';
import type { Answer, Asked } from './web.ts';

export const DRIVE_SCOPE = 'https://www.googleapis.com/auth/drive.file';

interface Permission {
  id: string;
  type: string;
  role: string;
  emailAddress?: string;
  expirationTime?: string;
}

interface DriveFile {
  id: string;
  name: string;
  mimeType: string;
  parents: string[];
  content: Buffer;
  permissions: Permission[];
}

export interface Drive {
  files: Map<string, DriveFile>;
  /** Folders that are there, with what those in them inherit. */
  folders: Map<string, Permission[]>;
  /** `consumer`: no expiry when a right is made, only later; `never`: not at all. */
  expiry: 'workspace' | 'consumer' | 'never';
  /** Addresses without an account at Google. */
  strangers: Set<string>;
  /** Addresses that were mailed by Google. */
  mailed: string[];
  /** What this reader gets. */
  read: (id: string, reader: string | undefined) => Buffer | undefined;
  answer: (asked: Asked) => Answer;
}

const CHUNK_UNIT = 256 * 1024;

export function drive(issuer: Issuer, origin: () => string): Drive {
  const ids = new Set<string>();
  const sessions = new Map<string, { file: DriveFile; size: number; got: Buffer }>();
  const state: Drive = {
    files: new Map(),
    folders: new Map([['root', []]]),
    expiry: 'workspace',
    strangers: new Set(),
    mailed: [],
    read(id, reader) {
      const file = state.files.get(id);
      const may = file?.permissions.some(
        ({ type, emailAddress, expirationTime }) =>
          (type === 'anyone' || (reader !== undefined && emailAddress === reader)) &&
          (expirationTime === undefined || Date.parse(expirationTime) > Date.now()),
      );
      return may === true ? file?.content : undefined;
    },
    answer,
  };
  return state;

  function answer(asked: Asked): Answer {
    const { method, url } = asked;
    const path = url.pathname;
    // The address of a session is itself the right to use it.
    const session = /^\/upload\/session\/(\w+)$/.exec(path)?.[1];
    if (session !== undefined) return put(session, asked);
    let claims: Record<string, unknown>;
    try {
      claims = issuer.check(/^Bearer (\S+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '');
    } catch {
      return error(401, 'authError', 'Invalid Credentials');
    }
    if (!String(claims['scope']).split(' ').includes(DRIVE_SCOPE))
      return error(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
    if (method === 'GET' && path === '/drive/v3/files/generateIds') {
      const id = randomBytes(16).toString('hex');
      ids.add(id);
      return { status: 200, body: { ids: [id], space: 'drive' } };
    }
    if (method === 'POST' && path === '/upload/drive/v3/files' && url.searchParams.get('uploadType') === 'resumable') return begin(asked);
    const [, id = '', rest = '', permission = ''] = /^\/drive\/v3\/files\/(\w+)(?:\/(permissions)(?:\/(\w+))?)?$/.exec(path) ?? [];
    const file = state.files.get(id);
    if (file === undefined || url.searchParams.get('supportsAllDrives') !== 'true') return error(404, 'notFound', `File not found: ${id}.`);
    if (rest === 'permissions') return permissions(asked, file, permission);
    if (method === 'DELETE') {
      state.files.delete(id);
      return { status: 204 };
    }
    if (method === 'GET') return { status: 200, body: { webViewLink: `https://drive.google.com/file/d/${id}/view?usp=drivesdk` } };
    return error(404, 'notFound', 'no such method');
  }

  function begin(asked: Asked): Answer {
    const body = JSON.parse(asked.body.toString()) as { id: string; name: string; mimeType: string; parents?: string[] };
    if (!ids.has(body.id) || state.files.has(body.id)) return error(400, 'invalid', 'The provided file ID is not usable.');
    const [parent = 'root'] = body.parents ?? [];
    const inherited = state.folders.get(parent);
    if (inherited === undefined) return error(404, 'notFound', `File not found: ${parent}.`);
    const size = Number(asked.headers['x-upload-content-length']);
    const owner = { id: 'owner', type: 'user', role: 'owner', emailAddress: 'backup@example.test' };
    const file: DriveFile = { ...body, parents: [parent], content: Buffer.alloc(0), permissions: [owner, ...inherited] };
    const id = randomBytes(12).toString('hex');
    sessions.set(id, { file, size, got: Buffer.alloc(0) });
    return { status: 200, headers: { location: `${origin()}/upload/session/${id}` } };
  }

  function put(id: string, { headers, body, method }: Asked): Answer {
    const session = sessions.get(id);
    if (session === undefined || method !== 'PUT') return error(404, 'notFound', 'no such session');
    if (headers.authorization !== undefined) return error(400, 'invalid', 'no token is wanted here');
    const { got, size, file } = session;
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers['content-range'])) ?? [];
    const isEmpty = size === 0 && headers['content-range'] === 'bytes */0';
    const fits = Number(from) === got.length && Number(to) - Number(from) + 1 === body.length && Number(total) === size;
    if (!isEmpty && !fits) return error(400, 'invalid', 'Failed to parse Content-Range header.');
    session.got = Buffer.concat([got, body]);
    if (session.got.length < size) {
      if (body.length % CHUNK_UNIT !== 0) return error(400, 'invalid', 'chunks must be multiples of 256 KiB');
      return { status: 308, headers: { range: `bytes=0-${session.got.length - 1}` } };
    }
    sessions.delete(id);
    state.files.set(file.id, { ...file, content: session.got });
    return { status: 200, body: { id: file.id, name: file.name } };
  }

  function permissions({ method, body, url }: Asked, file: DriveFile, id: string): Answer {
    if (method === 'GET') return { status: 200, body: { permissions: file.permissions } };
    const wanted = JSON.parse(body.toString()) as Omit<Permission, 'id'>;
    const ends = Date.parse(wanted.expirationTime ?? '');
    if (wanted.expirationTime !== undefined && !(ends > Date.now() && ends < Date.now() + 366 * 86_400_000))
      return error(403, 'expirationDateMustBeInTheFuture', 'Expiration dates must be in the future and within a year.');
    const mayNot = error(403, 'cannotSetExpiration', 'Expiration dates cannot be set on this item.');
    if (method === 'PATCH') {
      const found = file.permissions.find((each) => each.id === id);
      if (found === undefined) return error(404, 'notFound', 'Permission not found');
      if (state.expiry === 'never') return mayNot;
      Object.assign(found, wanted);
      return { status: 200, body: found };
    }
    if (method !== 'POST' || wanted.type !== 'user' || wanted.role !== 'reader') return error(400, 'invalid', 'bad permission');
    if (wanted.expirationTime !== undefined && state.expiry !== 'workspace') return mayNot;
    const tell = url.searchParams.get('sendNotificationEmail') !== 'false';
    const reader = wanted.emailAddress ?? '';
    if (state.strangers.has(reader) && !tell)
      return error(
        400,
        'invalidSharingRequest',
        `You are trying to invite ${reader}. Since there is no Google account associated with this email address, you must check the "Notify people" box to invite this recipient.`,
      );
    if (tell) state.mailed.push(reader);
    const made: Permission = { ...wanted, id: randomBytes(8).toString('hex') };
    file.permissions.push(made);
    return { status: 200, body: { id: made.id } };
  }
}

function error(status: number, reason: string, message: string): Answer {
  return { status, body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } } };
}
