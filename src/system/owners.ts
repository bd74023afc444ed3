import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Where the names come from; tests put their own files here. */
export interface OwnerSources {
  passwd: string;
  group: string;
  /** Asked for names that the files do not have (LDAP, SSSD); null leaves it out. */
  getent: string | null;
}

/** Names and numbers of users and groups. Every answer is remembered as long as this object lives. */
export interface Owners {
  /** The user's name, or the number in digits when it has none. */
  userName(uid: number): string;
  groupName(gid: number): string;
  /**
   * The number of a user; digits that are no user's name stand for themselves; undefined when there is no such user.
   */
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
}

const SYSTEM: OwnerSources = { passwd: '/etc/passwd', group: '/etc/group', getent: 'getent' };

/** Looks owners up in these sources. Never throws: what cannot be asked has no name. */
export function createOwners(sources: OwnerSources = SYSTEM): Owners {
  const users = lazily(() => table(sources.passwd, 'passwd', sources.getent));
  const groups = lazily(() => table(sources.group, 'group', sources.getent));
  return {
    userName: (uid) => users().name(uid),
    groupName: (gid) => groups().name(gid),
    userId: (name) => users().id(name),
    groupId: (name) => groups().id(name),
  };
}

const system = lazily(() => createOwners());

/** {@link Owners.userName} on this system. */
export function userName(uid: number): string {
  return system().userName(uid);
}

/** {@link Owners.groupName} on this system. */
export function groupName(gid: number): string {
  return system().groupName(gid);
}

/** {@link Owners.userId} on this system. */
export function userId(name: string): number | undefined {
  return system().userId(name);
}

/** {@link Owners.groupId} on this system. */
export function groupId(name: string): number | undefined {
  return system().groupId(name);
}

interface Table {
  name(id: number): string;
  id(name: string): number | undefined;
}

function table(file: string, database: 'passwd' | 'group', getent: string | null): Table {
  const names = new Map<number, string>();
  const ids = new Map<string, number | undefined>();

  const learn = (text: string): void => {
    for (const line of text.split('\n')) {
      // name:password:number:… in both files (passwd(5), group(5)); the first line of a number wins, as in getpwuid(3).
      const [name, , digits] = line.split(':');
      if (name === undefined || name === '' || digits === undefined || !/^\d{1,10}$/.test(digits)) continue;
      const id = Number(digits);
      if (!names.has(id)) names.set(id, name);
      if (ids.get(name) === undefined) ids.set(name, id);
    }
  };
  const ask = (key: string): void => {
    if (getent === null) return;
    // Once for each name that the files do not have; synchronous, so that the caller can stay so.
    const answer = spawnSync(getent, [database, '--', key], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
    if (answer.status === 0) learn(answer.stdout);
  };

  learn(readText(file));
  return {
    name(id) {
      if (!names.has(id)) {
        ask(String(id));
        if (!names.has(id)) names.set(id, String(id));
      }
      return names.get(id) ?? String(id);
    },
    id(name) {
      if (!ids.has(name)) {
        const digits = /^\d{1,10}$/.test(name);
        // getent takes digits for a number, not a name: a user who is called 1234 stands in the files or nowhere.
        if (!digits && name !== '') ask(name);
        if (!ids.has(name)) ids.set(name, digits ? Number(name) : undefined);
      }
      return ids.get(name);
    },
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function lazily<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}
