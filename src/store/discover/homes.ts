import { readFileSync } from 'node:fs';
import type { Finding } from '../../errors/finding.ts';
import { parsePattern } from '../pattern.ts';
import type { Section } from './doveconf.ts';

/** Where users' home directories lie, and who says so. */
export interface Homes {
  pattern: string;
  says: string;
}

export interface HomeSources {
  /** `/etc/passwd`, as text. */
  readPasswd(): string;
  /** Another file that the configuration names, as text; undefined when it cannot be read. */
  readFile(path: string): string | undefined;
}

export const systemSources: HomeSources = {
  readPasswd: () => readText('/etc/passwd') ?? '',
  readFile: readText,
};

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Where the homes lie by the user databases, in their order, else by `mail_home` (a user database's own answer wins in
 * Dovecot). Undefined when only a database or a directory service knows.
 */
export function findHomes(root: Section, sources: HomeSources, findings: Finding[]): Homes | undefined {
  for (const userdb of root.sections.filter((section) => section.type === 'userdb')) {
    const homes = homesOf(userdb, root, sources, findings);
    if (homes !== undefined) return homes;
  }
  const home = root.settings.get('mail_home');
  return home === undefined || home === '' ? undefined : { pattern: home, says: 'mail_home' };
}

function homesOf(userdb: Section, root: Section, sources: HomeSources, findings: Finding[]): Homes | undefined {
  // 2.3 names the driver in a setting, 2.4 may do so, too, or take the section's name for it.
  const driver = userdb.settings.get('driver') ?? userdb.settings.get('userdb_driver') ?? userdb.name;
  const fixed = fixedHome(userdb);
  if (fixed !== undefined) return { pattern: fixed, says: `the home of userdb ${driver}` };
  if (driver === 'passwd') {
    return commonHome(passwdHomes(sources.readPasswd(), Number(root.settings.get('first_valid_uid') ?? 500)), '/etc/passwd', findings);
  }
  if (driver === 'passwd-file') {
    const path = userdb.settings.get('passwd_file_path') ?? userdb.settings.get('args')?.split(/\s+/).at(-1);
    const text = path === undefined || path.includes('%') ? undefined : sources.readFile(path);
    return text === undefined || path === undefined ? undefined : commonHome(passwdHomes(text, 0), path, findings);
  }
  return undefined;
}

/**
 * A home that the section states for all users: `args = … home=…` and `override_fields` in 2.3, `fields { home = … }`
 * in 2.4.
 */
function fixedHome(userdb: Section): string | undefined {
  for (const key of ['override_fields', 'args', 'default_fields']) {
    const home = /(?:^|\s)home=(\S+)/.exec(userdb.settings.get(key) ?? '')?.[1];
    if (home !== undefined) return home;
  }
  for (const fields of userdb.sections.filter((section) => section.type.endsWith('fields'))) {
    const home = fields.settings.get('home') ?? fields.settings.get('home:default');
    if (home !== undefined) return home;
  }
  return undefined;
}

interface UserHome {
  user: string;
  home: string;
}

/**
 * Users and homes of passwd(5), and of Dovecot's passwd-file, which has the same fields. System users are those below
 * `firstUid`.
 */
export function passwdHomes(text: string, firstUid: number): UserHome[] {
  const homes: UserHome[] = [];
  for (const line of text.split('\n')) {
    const [user, , uid, , , home] = line.split(':');
    if (user === undefined || user === '' || user.startsWith('#') || home === undefined || !home.startsWith('/')) continue;
    if (firstUid > 0 && (Number(uid) < firstUid || Number(uid) >= 65534)) continue;
    homes.push({ user, home });
  }
  return homes;
}

/** The pattern that most of the homes fit; those that do not are named in a finding. */
export function commonHome(homes: readonly UserHome[], source: string, findings: Finding[]): Homes | undefined {
  const counts = new Map<string, number>();
  for (const home of homes) {
    const pattern = patternOf(home);
    if (pattern !== undefined) counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  const best = [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
  if (best === undefined) return undefined;
  const others = homes.filter((home) => patternOf(home) !== best).map((home) => home.user);
  if (others.length > 0) {
    findings.push({
      severity: 'warning',
      code: 'home-elsewhere',
      message: `${others.length} of ${homes.length} users in ${source} have their home outside of '${best}': ${others.slice(0, 5).join(', ')}${others.length > 5 ? ' …' : ''}`,
      hint: 'add a store for each of the other places where mail lies',
      subject: source,
    });
  }
  return { pattern: best, says: `the homes in ${source}` };
}

/**
 * `/var/vmail/%d/%n` for the home `/var/vmail/example.org/alice` of `alice@example.org`; undefined where the home does
 * not name its user.
 */
function patternOf({ user, home }: UserHome): string | undefined {
  const at = user.indexOf('@');
  const names = new Map([[user, '%u']]);
  if (at > 0) {
    names.set(user.slice(0, at), '%n');
    names.set(user.slice(at + 1), '%d');
  }
  const pattern = home
    .split('/')
    .map((part) => names.get(part) ?? part.replaceAll('%', '%%'))
    .join('/');
  try {
    return parsePattern(pattern).hasVariables ? pattern : undefined;
  } catch {
    return undefined;
  }
}
