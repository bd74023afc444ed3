/** OneDrive and SharePoint libraries through Graph: a link for named people, who must sign in, and which ends by itself. */
import { randomBytes } from 'node:crypto';
import { isoTime } from '../../system/clock.ts';
import { type GraphApi, openGraph } from '../graph-client.ts';
import type { Fetch } from '../http.ts';
import { networkRefusal } from '../network.ts';
import type { MicrosoftAccount } from '../oauth/account.ts';
import { accountFetch } from '../oauth/request.ts';
import type { TokenOptions } from '../oauth/tokens.ts';
import { recognise, Refused, shownReply } from '../refusal.ts';
import { ONEDRIVE_REFUSALS } from '../refusals/onedrive.ts';
import { chunksOf } from './chunks.ts';
import { type LinkFile, type LinkPlace, notReadable } from './place.ts';

export interface OneDriveOptions {
  account: MicrosoftAccount;
  tokens: TokenOptions;
  /** The id of a drive (a library of SharePoint); by default that of the account's user. */
  drive?: string | undefined;
  /** A folder in it, made where it is not there. */
  folder: string;
  signal: AbortSignal;
}

/** Larger files go through an upload session. */
const SIMPLE = 4 * 1024 * 1024;
/** A multiple of 320 KiB ("Upload large files with an upload session"). */
const CHUNK = 320 * 1024 * 24;
const TRIES = 3;

interface Item {
  id?: string;
}

interface Permission {
  id?: string;
  link?: { scope?: string; webUrl?: string };
  inheritedFrom?: object;
}

export async function openOneDrive({ account, tokens, drive, folder, signal }: OneDriveOptions): Promise<LinkPlace> {
  const [api, fetch] = await Promise.all([
    openGraph(account, tokens, signal, { purpose: 'files', known: ONEDRIVE_REFUSALS }),
    accountFetch(account),
  ]);
  const base = drive === undefined ? `${api.mailbox}/drive` : `/drives/${encodeURIComponent(drive)}`;
  const at = (path: string): string => `${base}/root:/${path.split('/').map(encodeURIComponent).join('/')}`;

  const permissionsOf = async (item: string): Promise<Permission[]> =>
    ((await api.get(`${base}/items/${item}/permissions`)) as { value?: Permission[] } | undefined)?.value ?? [];

  return {
    kind: 'onedrive',
    async plan({ name }) {
      // A folder of its own for each file, so that readers see the name as it is.
      return `${folder}/${randomBytes(12).toString('hex')}/${safeName(name)}`;
    },
    async share(remote, file, readers, expiresAt) {
      const item = await upload({ api, fetch, signal }, at(remote), file);
      const expirationDateTime = isoTime(expiresAt);
      const made = (await api.post(
        `${base}/items/${item}/createLink`,
        { type: 'view', scope: 'users', expirationDateTime, retainInheritedPermissions: false },
        'application/json',
      )) as Permission | undefined;
      const url = made?.link?.webUrl ?? '';
      if (url === '' || made?.link?.scope !== 'users')
        throw new Refused(notReadable('the drive', `it made a link for '${made?.link?.scope ?? 'nobody'}'`));
      const shareId = `u!${Buffer.from(url).toString('base64url')}`;
      const granted = (await api.post(
        `/shares/${shareId}/permission/grant`,
        { recipients: readers.map((email) => ({ email })), roles: ['read'] },
        'application/json',
      )) as { value?: Permission[] } | undefined;
      const scopes = (await permissionsOf(item)).map(({ link }) => link?.scope);
      const others = scopes.filter((scope) => scope === 'anonymous' || scope === 'organization');
      if (others.length > 0) throw new Refused(notReadable('the folder', others.join(', ')));
      // The address may be another one after the grant.
      return { url: granted?.value?.findLast(({ link }) => link?.webUrl !== undefined)?.link?.webUrl ?? url, open: false, notes: [] };
    },
    async remove(remote) {
      try {
        const item = ((await api.get(at(remote))) as Item | undefined)?.id;
        // The links first: the drive keeps what is deleted in its recycle bin, from where it could be brought back with them.
        if (item !== undefined)
          for (const { id, link, inheritedFrom } of await permissionsOf(item))
            if (link !== undefined && inheritedFrom === undefined) await api.remove(`${base}/items/${item}/permissions/${id ?? ''}`);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
      try {
        await api.remove(at(remote.slice(0, remote.lastIndexOf('/'))));
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    },
  };
}

function isGone(error: unknown): boolean {
  return error instanceof Refused && error.refusal.code === 'folder';
}

/** Without what a name in OneDrive must not hold ("Restrictions and limitations in OneDrive and SharePoint"). */
function safeName(name: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  const safe = name.replace(/["*:<>?/\\|#%\x00-\x1f]/g, '_').replace(/^[\s~.]+|[\s.]+$/g, '');
  return safe === '' ? 'file' : safe.slice(-200);
}

interface Way {
  api: GraphApi;
  fetch: Fetch;
  signal: AbortSignal;
}

/** @returns the id of the item */
async function upload({ api, fetch, signal }: Way, path: string, file: LinkFile): Promise<string> {
  if (file.size <= SIMPLE) {
    const parts: Buffer[] = [];
    for await (const { bytes } of chunksOf(file.path, file.size, SIMPLE)) parts.push(bytes);
    return idOf(await api.put(`${path}:/content`, Buffer.concat(parts), 'application/octet-stream'));
  }
  const session = (await api.post(
    `${path}:/createUploadSession`,
    { item: { '@microsoft.graph.conflictBehavior': 'fail' } },
    'application/json',
  )) as { uploadUrl?: string } | undefined;
  const url = session?.uploadUrl ?? '';
  if (!url.startsWith('https://'))
    throw new Refused({ code: 'busy', permanent: false, message: 'Graph gave no upload session', hint: 'try again later' });
  let done: unknown;
  for await (const { at, bytes } of chunksOf(file.path, file.size, CHUNK)) {
    // The address is itself the right to upload: no token goes there.
    const put = (): Promise<Response> =>
      fetch(url, {
        method: 'PUT',
        headers: { 'content-range': `bytes ${at}-${at + bytes.length - 1}/${file.size}` },
        body: new Uint8Array(bytes),
        signal,
      });
    done = await sent(put, url, signal);
  }
  return idOf(done);
}

async function sent(put: () => Promise<Response>, url: string, signal: AbortSignal): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    let reply: Response;
    try {
      reply = await put();
    } catch (error) {
      signal.throwIfAborted();
      const refusal = networkRefusal(error, new URL(url).host);
      throw refusal === undefined ? error : new Refused(refusal);
    }
    const body = (await reply.json().catch(() => ({}))) as { error?: { code?: string; message?: string } };
    if (reply.ok) return body;
    if (reply.status >= 500 && tries < TRIES) continue;
    const text = `${reply.status} ${body.error?.code ?? ''}: ${body.error?.message ?? ''}`;
    throw new Refused(
      recognise(ONEDRIVE_REFUSALS, text) ?? {
        code: reply.status >= 500 ? 'busy' : 'rejected',
        permanent: reply.status < 500,
        message: `the upload was refused (HTTP ${reply.status})`,
        hint: 'try again later',
        said: shownReply(text),
      },
    );
  }
}

function idOf(item: unknown): string {
  const id = (item as Item | undefined)?.id;
  if (typeof id === 'string' && /^[\w!.-]+$/.test(id)) return id;
  throw new Refused({ code: 'busy', permanent: false, message: 'Graph did not say what became of the file', hint: 'try again later' });
}
