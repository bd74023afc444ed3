/** The part of Microsoft Graph that puts files and shares them (v1.0), as its documentation has it. */
import { randomBytes } from 'node:crypto';
import { GraphRefusal } from './graph-refusal.ts';
import type { MicrosoftOptions } from './microsoft.ts';
import type { Issuer } from './tokens.ts';
import type { Answer, Asked } from './web.ts';

interface Permission {
  id: string;
  link: { type: string; scope: string; webUrl: string };
  expirationDateTime?: string;
  grantedTo: string[];
  inheritedFrom?: object;
}

interface Item {
  id: string;
  drive: string;
  path: string;
  content: Buffer;
  permissions: Permission[];
}

export interface OneDrive {
  items: Map<string, Item>;
  /** Folders that are shared, with what those in them inherit. */
  shared: Map<string, Permission>;
  /** External readers are refused. */
  closed: boolean;
  /** What this reader gets who opens that address. */
  read: (url: string, reader: string | undefined) => Buffer | undefined;
  answer: (asked: Asked) => Answer;
}

export function isDrivePath(path: string): boolean {
  return /^\/v1\.0\/(?:drives\/|shares\/|(?:me|users\/[^/]+)\/drive\/)|^\/drive-upload\//.test(path);
}

const GRAPH = 'https://graph.microsoft.com';

export function oneDrive(graph: Issuer, options: MicrosoftOptions, port: () => number): OneDrive {
  const sessions = new Map<string, { item: Item; got: Buffer }>();
  const state: OneDrive = {
    items: new Map(),
    shared: new Map(),
    closed: false,
    read(url, reader) {
      for (const { permissions, content } of state.items.values())
        for (const { link, grantedTo, expirationDateTime = '' } of permissions)
          if (link.webUrl === url && Date.parse(expirationDateTime) > Date.now())
            if (link.scope === 'anonymous' || (reader !== undefined && grantedTo.includes(reader))) return content;
      return undefined;
    },
    answer(asked) {
      try {
        return answer(asked);
      } catch (error) {
        if (!(error instanceof GraphRefusal)) throw error;
        return { status: error.status, body: { error: { code: error.code, message: error.message } } };
      }
    },
  };
  return state;

  function answer(asked: Asked): Answer {
    const path = decodeURIComponent(asked.url.pathname);
    const session = /^\/drive-upload\/(\w+)$/.exec(path)?.[1];
    if (session !== undefined) return part(session, asked);
    let claims: Record<string, unknown>;
    try {
      claims = graph.check(/^Bearer (\S+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '');
    } catch {
      throw new GraphRefusal(401, 'InvalidAuthenticationToken', 'Access token is not valid.');
    }
    if (claims['aud'] !== GRAPH)
      throw new GraphRefusal(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.');
    const roles = (claims['roles'] as string[] | undefined) ?? ((claims['scp'] as string | undefined) ?? '').split(' ');
    if (!roles.some((role) => /^Files\.ReadWrite(?:\.All)?$/.test(role))) throw new GraphRefusal(403, 'accessDenied', 'Access denied');
    const share = /^\/v1\.0\/shares\/u!([\w-]+)\/permission\/grant$/.exec(path)?.[1];
    if (share !== undefined) return grant(Buffer.from(share, 'base64url').toString(), asked);
    const [, drive = '', rest = ''] = /^\/v1\.0\/(me\/drive|users\/[^/]+\/drive|drives\/[^/]+)\/(.+)$/.exec(path) ?? [];
    if (drive === 'me/drive' && claims['upn'] === undefined) throw new GraphRefusal(400, 'invalidRequest', '/me is for users');
    if (drive.startsWith('users/') && drive !== `users/${options.mailbox}/drive`)
      throw new GraphRefusal(404, 'ResourceNotFound', 'User not found');
    const [, where = '', action = ''] = /^root:\/(.+?)(?::\/(content|createUploadSession))?$/.exec(rest) ?? [];
    if (where !== '') return byPath(asked, drive, where, action);
    const [, id = '', what = '', permission = ''] = /^items\/([^/]+)\/(createLink|permissions)(?:\/(\w+))?$/.exec(rest) ?? [];
    const item = state.items.get(id);
    if (item === undefined || item.drive !== drive) throw new GraphRefusal(404, 'itemNotFound', 'The resource could not be found.');
    if (what === 'createLink' && asked.method === 'POST') return createLink(asked, item);
    if (what === 'permissions' && asked.method === 'GET') return { status: 200, body: { value: item.permissions } };
    if (what === 'permissions' && asked.method === 'DELETE') {
      item.permissions = item.permissions.filter((each) => each.id !== permission);
      return { status: 204 };
    }
    throw new GraphRefusal(400, 'invalidRequest', 'no such method');
  }

  function byPath({ method, body }: Asked, drive: string, path: string, action: string): Answer {
    const inherited = state.shared.get(path.split('/')[0] ?? '');
    const made = (content: Buffer): Item => ({
      id: `01${randomBytes(10).toString('hex').toUpperCase()}`,
      drive,
      path,
      content,
      permissions: inherited === undefined ? [] : [{ ...inherited, inheritedFrom: {} }],
    });
    if (/["*:<>?\\|]/.test(path))
      throw new GraphRefusal(400, 'invalidRequest', 'The provided name cannot contain any of the following characters');
    if (action === 'content' && method === 'PUT') {
      if (body.length > 4 * 1024 * 1024) throw new GraphRefusal(413, 'RequestBodyTooLarge', 'use an upload session');
      const item = made(body);
      state.items.set(item.id, item);
      return { status: 201, body: { id: item.id, name: path } };
    }
    if (action === 'createUploadSession' && method === 'POST') {
      const id = randomBytes(12).toString('hex');
      sessions.set(id, { item: made(Buffer.alloc(0)), got: Buffer.alloc(0) });
      // On another host than Graph, as the real ones are: no token must go there.
      return { status: 200, body: { uploadUrl: `https://127.0.0.1:${port()}/drive-upload/${id}` } };
    }
    const found = [...state.items.values()].filter(
      (item) => item.drive === drive && (item.path === path || item.path.startsWith(`${path}/`)),
    );
    if (found.length === 0) throw new GraphRefusal(404, 'itemNotFound', 'The resource could not be found.');
    if (method === 'DELETE') {
      for (const { id } of found) state.items.delete(id);
      return { status: 204 };
    }
    return { status: 200, body: { id: found[0]?.id } };
  }

  function part(id: string, { headers, body, method }: Asked): Answer {
    const session = sessions.get(id);
    if (session === undefined || method !== 'PUT') throw new GraphRefusal(404, 'itemNotFound', 'no such session');
    if (headers.authorization !== undefined) throw new GraphRefusal(401, 'unauthenticated', 'InvalidAudience');
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers['content-range'])) ?? [];
    const isLast = Number(to) + 1 === Number(total);
    const fits = Number(from) === session.got.length && Number(to) - Number(from) + 1 === body.length && body.length <= 60 * 1024 * 1024;
    if (!fits || (!isLast && body.length % (320 * 1024) !== 0)) throw new GraphRefusal(416, 'invalidRange', 'The range is not valid');
    session.got = Buffer.concat([session.got, body]);
    if (!isLast) return { status: 202, body: { nextExpectedRanges: [`${session.got.length}-`] } };
    sessions.delete(id);
    state.items.set(session.item.id, { ...session.item, content: session.got });
    return { status: 201, body: { id: session.item.id } };
  }

  function createLink({ body }: Asked, item: Item): Answer {
    const wanted = JSON.parse(body.toString()) as {
      type: string;
      scope: string;
      expirationDateTime?: string;
      retainInheritedPermissions?: boolean;
    };
    if (wanted.type !== 'view' || wanted.scope !== 'users') throw new GraphRefusal(400, 'invalidRequest', 'not what these tests want');
    if (!(Date.parse(wanted.expirationDateTime ?? '') > Date.now()))
      throw new GraphRefusal(400, 'invalidRequest', 'expirationDateTime must be in the future');
    const permission: Permission = {
      id: randomBytes(8).toString('hex'),
      link: { type: 'view', scope: 'users', webUrl: `https://contoso-my.sharepoint.com/:b:/g/${randomBytes(12).toString('hex')}` },
      ...(wanted.expirationDateTime === undefined ? {} : { expirationDateTime: wanted.expirationDateTime }),
      grantedTo: [],
    };
    item.permissions.push(permission);
    return { status: 201, body: permission };
  }

  function grant(url: string, { body }: Asked): Answer {
    const { recipients, roles } = JSON.parse(body.toString()) as { recipients: { email: string }[]; roles: string[] };
    if (roles.join() !== 'read' || recipients.length === 0)
      throw new GraphRefusal(400, 'invalidRequest', 'recipients and roles are needed');
    const permission = [...state.items.values()].flatMap(({ permissions }) => permissions).find(({ link }) => link.webUrl === url);
    if (permission === undefined) throw new GraphRefusal(404, 'itemNotFound', 'no such share');
    if (state.closed) throw new GraphRefusal(403, 'sharingDisabled', 'External sharing has been disabled for this site.');
    permission.grantedTo.push(...recipients.map(({ email }) => email));
    // The address may change with the grant.
    permission.link.webUrl += '?e=granted';
    return { status: 200, body: { value: [permission] } };
  }
}
