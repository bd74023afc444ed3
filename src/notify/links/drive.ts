/** Google Drive (v3): a resumable upload, and a right to read for each named person, which ends by itself. */
import { now, isoTime } from '../../system/clock.ts';
import type { Fetch } from '../http.ts';
import { networkRefusal } from '../network.ts';
import type { GoogleAccount } from '../oauth/account.ts';
import { accountFetch } from '../oauth/request.ts';
import { accessToken, type TokenOptions } from '../oauth/tokens.ts';
import { recognise, Refused, type Refusal, retryAfter, shownReply } from '../refusal.ts';
import { DRIVE_REFUSALS } from '../refusals/drive.ts';
import { chunksOf } from './chunks.ts';
import { type LinkFile, type LinkPlace, notReadable, type Shared } from './place.ts';

export interface DriveOptions {
  account: GoogleAccount;
  tokens: TokenOptions;
  /** The id of a folder; by default the drive itself. */
  folder?: string | undefined;
  signal: AbortSignal;
}

const ROOT = 'https://www.googleapis.com';
/** A multiple of 256 KiB ("Perform a resumable upload"). */
const CHUNK = 8 * 1024 * 1024;
const TRIES = 3;

/** What of the client is used here. */
interface Api {
  files: {
    generateIds(params: object, options: object): Promise<{ data: { ids?: string[] | null } }>;
    get(params: object, options: object): Promise<{ data: { webViewLink?: string | null } }>;
    delete(params: object, options: object): Promise<unknown>;
  };
  permissions: {
    create(params: object, options: object): Promise<{ data: { id?: string | null } }>;
    update(params: object, options: object): Promise<unknown>;
    list(params: object, options: object): Promise<{ data: { permissions?: Permission[] } }>;
  };
}

interface Permission {
  id?: string | null;
  type?: string | null;
  role?: string | null;
  emailAddress?: string | null;
  expirationTime?: string | null;
}

export async function openDrive({ account, tokens, folder, signal }: DriveOptions): Promise<LinkPlace> {
  const rootUrl = `${(account.endpoints.api ?? ROOT).replace(/\/+$/, '')}/`;
  const [{ drive: driveApi, auth }, fetch, { token }] = await Promise.all([
    import('googleapis/build/src/apis/drive/index.js'),
    accountFetch(account),
    accessToken(account, 'files', tokens),
  ]);
  const client = new auth.OAuth2();
  client.setCredentials({ access_token: token });
  const api = driveApi({ version: 'v3', auth: client }) as unknown as Api;
  const options = {
    rootUrl,
    retry: false,
    signal,
    fetchImplementation: (input: string | URL | Request, init?: RequestInit) => fetch(input, init),
  };
  const asked = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      throw asRefused(error, rootUrl);
    }
  };
  // Files on shared drives are found with this alone.
  const all = { supportsAllDrives: true };

  const remove = async (id: string): Promise<void> => {
    try {
      await asked(() => api.files.delete({ fileId: id, ...all }, options));
    } catch (error) {
      if (!(error instanceof Refused) || error.refusal.code !== 'folder') throw error;
    }
  };

  /** @returns a note, where Google does not end it by itself */
  const letRead = async (id: string, reader: string, expiresAt: number): Promise<string | undefined> => {
    const person = { type: 'user', role: 'reader', emailAddress: reader };
    const expirationTime = isoTime(expiresAt);
    const create = (requestBody: object, tell = false): Promise<{ data: { id?: string | null } }> =>
      asked(() => api.permissions.create({ fileId: id, sendNotificationEmail: tell, fields: 'id', requestBody, ...all }, options));
    try {
      await create({ ...person, expirationTime });
      return undefined;
    } catch (error) {
      const reason = error instanceof Refused ? (error.refusal.said ?? '') : '';
      if (/notify people|sendNotificationEmail/i.test(reason)) {
        // Who has no Google account is let in by a code that Google mails, so Google must mail.
        await create({ ...person, expirationTime }, true);
        return undefined;
      }
      if (!/expir/i.test(reason)) throw error;
    }
    const { data } = await create(person);
    try {
      await asked(() =>
        api.permissions.update(
          { fileId: id, permissionId: data.id ?? '', requestBody: { role: 'reader', expirationTime }, ...all },
          options,
        ),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof Refused) || !/expir/i.test(error.refusal.said ?? '')) throw error;
      return "Google does not end the right to read by itself here: 'mailrecover links expire' from a timer does";
    }
  };

  return {
    kind: 'drive',
    async plan() {
      const { data } = await asked(() => api.files.generateIds({ count: 1, space: 'drive', type: 'files' }, options));
      const [id] = data.ids ?? [];
      if (id === undefined || id === '')
        throw new Refused({ code: 'busy', permanent: false, message: 'Google gave no id', hint: 'try again later' });
      return id;
    },
    async share(id, file, readers, expiresAt): Promise<Shared> {
      await upload({ fetch, rootUrl, token, signal }, id, file, folder);
      const notes = new Set<string>();
      // One after the other: of two changes at once the last wins.
      for (const reader of readers) {
        const note = await letRead(id, reader, expiresAt);
        if (note !== undefined) notes.add(note);
      }
      const fields = 'permissions(id,type,role,emailAddress,expirationTime)';
      const { data } = await asked(() => api.permissions.list({ fileId: id, fields, ...all }, options));
      const others = (data.permissions ?? []).filter(({ type }) => type === 'anyone' || type === 'domain' || type === 'group');
      if (others.length > 0) throw new Refused(notReadable('the folder', others.map(({ type }) => type).join(', ')));
      const { data: found } = await asked(() => api.files.get({ fileId: id, fields: 'webViewLink', ...all }, options));
      return { url: found.webViewLink ?? `https://drive.google.com/file/d/${id}/view`, open: false, notes: [...notes] };
    },
    remove,
  };
}

interface Way {
  fetch: Fetch;
  rootUrl: string;
  token: string;
  signal: AbortSignal;
}

/** The client of Google knows no resumable uploads; this is "Perform a resumable upload" of its guide. */
async function upload({ fetch, rootUrl, token, signal }: Way, id: string, file: LinkFile, folder: string | undefined): Promise<void> {
  const { name, size, contentType } = file;
  const begin = await send(fetch, `${rootUrl}upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json; charset=UTF-8',
      'x-upload-content-type': contentType,
      'x-upload-content-length': String(size),
    },
    body: JSON.stringify({
      id,
      name,
      mimeType: contentType,
      copyRequiresWriterPermission: true,
      ...(folder === undefined ? {} : { parents: [folder] }),
    }),
    signal,
  });
  const session = begin.headers.get('location') ?? '';
  if (!begin.ok || !session.startsWith('https://')) throw await replyRefused(begin);
  if (size === 0) {
    const empty = await send(fetch, session, { method: 'PUT', headers: { 'content-range': 'bytes */0' }, signal });
    if (!empty.ok) throw await replyRefused(empty);
    return;
  }
  for await (const { at, bytes } of chunksOf(file.path, size, CHUNK)) {
    const last = at + bytes.length === size;
    const put = (): Promise<Response> =>
      send(fetch, session, {
        method: 'PUT',
        headers: { 'content-range': `bytes ${at}-${at + bytes.length - 1}/${size}` },
        body: new Uint8Array(bytes),
        signal,
      });
    let reply = await put();
    for (let tries = 1; reply.status >= 500 && tries < TRIES; tries++) reply = await put();
    if (!(last ? reply.ok : reply.status === 308)) throw await replyRefused(reply);
  }
}

async function send(fetch: Fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    throw asRefused(error, url);
  }
}

interface ApiError {
  status?: number;
  response?: { headers: Headers; data?: unknown };
}

interface ErrorBody {
  error?: { message?: string; status?: string; errors?: { reason?: string }[]; details?: { reason?: string }[] };
}

function asRefused(error: unknown, url: string): unknown {
  const { status, response } = error as ApiError;
  if (response !== undefined && status !== undefined) return new Refused(refusalOf(status, response.headers, response.data as ErrorBody));
  const refusal = networkRefusal(error, new URL(url).host);
  return refusal === undefined ? error : new Refused(refusal);
}

async function replyRefused(reply: Response): Promise<Refused> {
  const body = (await reply.json().catch(() => ({}))) as ErrorBody;
  return new Refused(refusalOf(reply.status, reply.headers, body));
}

function refusalOf(status: number, headers: Headers, body: ErrorBody | undefined): Refusal {
  const { message = '', status: word = '', errors = [], details = [] } = typeof body?.error === 'object' ? body.error : {};
  const reasons = [...errors, ...details].flatMap(({ reason }) => reason ?? []);
  const text = `${[status, word, ...reasons].join(' ')}: ${message}`;
  const wait = retryAfter(headers.get('retry-after'), now());
  const known = recognise(DRIVE_REFUSALS, text);
  const temporary = status >= 500;
  return {
    ...(known ?? {
      code: temporary ? 'busy' : 'rejected',
      permanent: !temporary,
      message: temporary ? `Google Drive can't serve now (HTTP ${status})` : `Google Drive refuses (HTTP ${status})`,
      hint: temporary ? 'try again later' : 'read what it said',
    }),
    said: shownReply(text),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}
