/** Looks at this host as a mail server: its files, programs, users and space. Nothing is changed. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { displayBytes, fsPath, type ByteString } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { parseDoveconf, type Section } from '../../store/discover/doveconf.ts';
import { parsePostconf } from '../../store/discover/postfix.ts';
import { groupsFact, usersFact } from '../../store/system/facts/accounts.ts';
import { packagesFact } from '../../store/system/facts/packages.ts';
import { isSecret } from '../../store/system/secrets.ts';
import { dovecotSources } from '../../store/system/sources/dovecot.ts';
import { beforeVariables, kindOf, pathsIn } from '../../store/system/sources/paths.ts';
import { usualPlaces } from '../../store/system/sources/places.ts';
import { postfixSources } from '../../store/system/sources/postfix.ts';
import { walkHost, type HostTree } from '../../store/system/tree.ts';
import { addSources, emptySources, type Named, type Sources } from '../../store/system/types.ts';
import { run } from '../../system/exec.ts';
import { groupName, userName } from '../../system/owners.ts';
import { programVersion } from '../../system/version.ts';
import { certificatesOf } from './certificates.ts';
import { dkimKeys } from './dkim.ts';
import type { Disk, HostDirectory, HostFile, LoginSource, MailUnit, Survey, SurveyRequest } from './model.ts';
import { isWanted } from './wanted.ts';

export interface SurveyOptions {
  /** As `system` of the configuration has it. */
  postfix: readonly string[] | undefined;
  dovecot: string | null | undefined;
  paths: readonly string[];
  exclude: readonly string[];
  signal: AbortSignal;
}

/** A larger file is no configuration, and is told of, not copied. */
const LARGEST = 64 * 1024 * 1024;
const MAIL_UNITS =
  /^(?:postfix|dovecot|rspamd|opendkim|opendmarc|clamav-(?:daemon|milter)|spamd|spamassassin|amavis|postgrey|policyd|postsrsd|saslauthd|redis(?:-server)?|mariadb|mysql|postgresql|slapd|unbound|chrony|chronyd|systemd-timesyncd|ntpsec)(?:[@-][^.]*)?\.(?:service|socket|timer)$/;

export async function surveyHost(options: SurveyOptions, { mail }: SurveyRequest): Promise<Survey> {
  const { signal } = options;
  const sources: Sources = emptySources();
  const postfix = await postfixSources(options.postfix, signal);
  const dovecot = options.dovecot === null ? undefined : await dovecotSources(options.dovecot, signal);
  for (const part of dovecot === undefined ? [postfix] : [postfix, dovecot]) addSources(sources, part);
  sources.named.push(...usualPlaces());
  sources.named.push(...options.paths.map((path): Named => ({ path, role: 'extra', by: 'configuration of mailrecover' })));
  const databases = sources.databases.flatMap(({ path }) => (path === undefined ? [] : [path, `${path}-wal`, `${path}-shm`]));
  const excluded = new Set([...options.exclude, ...databases]);
  const named = sources.named.filter((each) => kindOf(each.path) === 'directory' || isWanted(each.path, each));
  const tree = walkHost(named, (path) => excluded.has(path) || excluded.has(displayBytes(path)));
  const files = filesOf(tree);
  const findings = [...postfix.findings, ...(dovecot?.findings ?? []), ...tree.findings];
  const small = files.filter(({ size }) => size <= LARGEST);
  for (const { path, size } of files)
    if (size > LARGEST)
      findings.push({
        severity: 'warning',
        code: 'too-large',
        message: `'${displayBytes(path)}' is larger than a configuration, and is not copied`,
        hint: "copy it by your own means, or leave it out: 'standby.prepare.exclude'",
        subject: displayBytes(path),
      });
  const instance = postfix.instances[0];
  const [mailPostfix, mailDovecot, packages, units, clock] = await Promise.all([
    instance === undefined ? undefined : postfixOf(instance.config, signal),
    dovecot === undefined ? undefined : dovecotOf(options.dovecot ?? undefined, signal),
    packagesFact(signal),
    unitsOf(signal),
    clockOf(signal),
  ]);
  return {
    files: small,
    directories: directoriesOf(tree, small),
    databases: sources.databases,
    findings,
    mailrecover: programVersion(),
    architecture: arch(),
    ...clock,
    ...(mailPostfix === undefined || instance === undefined ? {} : { postfix: mailPostfix }),
    ...(mailDovecot === undefined ? {} : { dovecot: mailDovecot }),
    packages: packages ?? '',
    users: usersFact(),
    groups: groupsFact(),
    people: peopleOf(),
    units,
    disks: mail.flatMap((path) => diskOf(path) ?? []),
    certificates: certificatesOf(sources.named),
    dkim: dkimKeys(small.filter(({ role }) => role === 'dkim').map(({ path }) => displayBytes(path))),
    listens: await listensOn(signal),
  };
}

function filesOf({ dirs, files }: HostTree): HostFile[] {
  const found: HostFile[] = [];
  for (const [at, dir] of dirs)
    for (const [name, { to, stat }] of dir.links) {
      const path = `/${at === '' ? '' : `${at}/`}${name}`;
      const by = namedFor(path, files);
      if (by === undefined || !isWanted(path, by)) continue;
      found.push({ path, to, role: by.role, by: by.by, secret: false, ...ownerOf(stat), mtime: Math.floor(stat.mtime / 1e6), size: 0 });
    }
  for (const [relative, by] of files) {
    const path = `/${relative}`;
    if (!isWanted(path, by)) continue;
    const stats = lstatIfThere(path);
    if (stats?.isFile() !== true) continue;
    const sha256 = stats.size <= LARGEST ? hashOf(path) : undefined;
    found.push({
      path,
      role: by.role,
      by: by.by,
      secret: isSecret(path, stats.mode, by),
      ...ownerOf({ mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid }),
      mtime: Math.floor(stats.mtimeMs / 1000),
      size: stats.size,
      ...(sha256 === undefined ? {} : { sha256 }),
    });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A link belongs to whom the files beside it, or below what it leads to, belong. */
function namedFor(path: ByteString, files: ReadonlyMap<ByteString, Named>): Named | undefined {
  const beside = path.slice(1, path.lastIndexOf('/') + 1);
  let above: Named | undefined;
  const top = path.split('/').slice(1, 3).join('/');
  for (const [file, by] of files) {
    if (file.startsWith(beside)) return by;
    if (file.startsWith(`${top}/`)) above ??= by;
  }
  return above;
}

function ownerOf({ mode, uid, gid }: { mode: number; uid: number; gid: number }): { mode: number; user: string; group: string } {
  return { mode, user: userName(uid), group: groupName(gid) };
}

function hashOf(path: ByteString): string | undefined {
  try {
    return createHash('sha256')
      .update(readFileSync(fsPath(path)))
      .digest('hex');
  } catch {
    return undefined;
  }
}

/** Directories above what is wanted; /etc, /var and their like are each host's own. */
function directoriesOf({ dirs }: HostTree, files: readonly HostFile[]): HostDirectory[] {
  const wanted = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(1, -1);
    for (let count = 2; count <= parts.length; count++) wanted.add(parts.slice(0, count).join('/'));
  }
  return [...dirs]
    .flatMap(([path, { stat }]) => (wanted.has(path) ? [{ path: `/${path}`, ...ownerOf(stat) }] : []))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function postfixOf(config: string, signal: AbortSignal): Promise<Survey['postfix']> {
  const ask = async (...args: string[]): Promise<string> =>
    (await run('postconf', ['-c', config, ...args], { timeoutMs: 20_000, signal })).stdout;
  try {
    const [all, given, types] = [await ask('-x'), await ask('-n'), await ask('-m')];
    const settings = parsePostconf(all);
    return {
      version: settings.get('mail_version') ?? '',
      // Passwords do not stand in main.cf; what looks like one is not taken along.
      settings: Object.fromEntries([...settings].filter(([name]) => !/password(?!_maps)|secret/.test(name))),
      given: [...parsePostconf(given).keys()],
      mapTypes: types.split('\n').filter((type) => type !== ''),
      config,
    };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function dovecotOf(config: string | undefined, signal: AbortSignal): Promise<Survey['dovecot']> {
  try {
    const { stdout } = await run('doveconf', [...(config === undefined ? [] : ['-c', config]), '-n', '-P'], { timeoutMs: 20_000, signal });
    const { version, root } = parseDoveconf(stdout);
    const main = config ?? /^# \S+ \([^)]*\): (\/\S+)/m.exec(stdout)?.[1] ?? '/etc/dovecot/dovecot.conf';
    return { version: version ?? '', config: main, logins: root.sections.filter(({ type }) => type === 'passdb').map(loginOf) };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function loginOf({ name, settings }: Section): LoginSource {
  const driver = settings.get('driver') ?? settings.get('passdb_driver') ?? name;
  return { driver, paths: pathsIn([...settings.values()].join(' ')).filter((path) => beforeVariables(path) === undefined) };
}

async function unitsOf(signal: AbortSignal): Promise<MailUnit[]> {
  try {
    const listed = await run('systemctl', ['list-units', '--all', '--plain', '--no-legend', '--no-pager', '--type=service,socket'], {
      timeoutMs: 20_000,
      signal,
    });
    const enabled = await run('systemctl', ['list-unit-files', '--plain', '--no-legend', '--no-pager', '--state=enabled,static,indirect'], {
      timeoutMs: 20_000,
      signal,
    });
    const own = new Set(enabled.stdout.split('\n').map((line) => line.split(/\s+/)[0] ?? ''));
    return listed.stdout.split('\n').flatMap((line) => {
      const [unit = '', load = '', active = ''] = line.trim().split(/\s+/);
      if (!MAIL_UNITS.test(unit) || load !== 'loaded') return [];
      return [{ unit, active: active === 'active', enabled: own.has(unit) || own.has(unit.replace(/@[^.]*/, '@')) }];
    });
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

async function clockOf(signal: AbortSignal): Promise<{ timeZone: string; synchronised?: boolean }> {
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const { stdout } = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeoutMs: 10_000, signal });
    return { timeZone, synchronised: stdout.trim() === 'yes' };
  } catch {
    signal.throwIfAborted();
    return { timeZone };
  }
}

function peopleOf(): Survey['people'] {
  let text = '';
  try {
    text = readFileSync('/etc/login.defs', 'latin1');
  } catch {
    // The usual numbers.
  }
  const value = (name: string, usual: number): number => Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1] ?? usual);
  return { first: value('UID_MIN', 1000), last: value('UID_MAX', 60_000) };
}

/** The file system that a directory lies on, or will lie on. */
function diskOf(path: string): Disk | undefined {
  for (let at = path; at !== ''; at = at === '/' ? '' : at.replace(/\/[^/]*$/, '') || '/') {
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(at);
      return {
        path,
        total: blocks * bsize,
        used: (blocks - bfree) * bsize,
        free: bavail * bsize,
        inodes: files,
        inodesFree: ffree,
        owners: ownersAt(path),
      };
    } catch {
      // The one above it.
    }
  }
  return undefined;
}

const LOOKED_AT = 200;

function ownersAt(path: string): string[] {
  const owners = new Set<string>();
  try {
    for (const each of [
      path,
      ...readdirSync(path)
        .slice(0, LOOKED_AT)
        .map((name) => join(path, name)),
    ]) {
      const { uid, gid } = lstatSync(each);
      owners.add(userName(uid)).add(groupName(gid));
    }
  } catch {
    // There is no mail yet.
  }
  return [...owners];
}

/** Ports that others than this host reach, from `ss -Hltn`. */
async function listensOn(signal: AbortSignal): Promise<number[]> {
  try {
    const { stdout } = await run('ss', ['-Hltn'], { timeoutMs: 10_000, signal });
    const ports = stdout.split('\n').flatMap((line) => {
      const local = line.trim().split(/\s+/)[3] ?? '';
      const at = local.lastIndexOf(':');
      const address = local.slice(0, at);
      return at < 0 || /^(?:127\.|\[::1\])/.test(address) ? [] : [Number(local.slice(at + 1))];
    });
    return [...new Set(ports)].sort((a, b) => a - b);
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
