/** Makes the standby a mail server like the primary: looks at both, says what differs, and brings what is missing. */
import { randomBytes } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes, toBytes } from '../../store/bytes.ts';
import { isoNow, now } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import type { DnsZone } from '../dns.ts';
import { compareFiles, type ShownChange, type Side } from './compare.ts';
import { namesBy } from './dns/ask.ts';
import { dnsFindings } from './dns/checks.ts';
import { firewallFindings } from './firewall.ts';
import { makeSnapshot, type Snapshot } from './logins/snapshot.ts';
import { placesOf, snapshotSettings } from './logins/use.ts';
import { OF_EACH_HOST } from './main-cf.ts';
import type { AccountChange, FileChange, HostDirectory, Logins, Survey } from './model.ts';
import { parityFindings } from './parity.ts';
import { hasSystemLogins, planFiles, type PreparePlan } from './plan.ts';

export interface PrepareOptions {
  primary: Side;
  standby: Side;
  services: readonly string[];
  /** Directories that mail lies below. */
  mail: string[];
  exclude: readonly string[];
  keep: readonly string[];
  domains: readonly string[];
  zones: readonly DnsZone[];
  clientNames: readonly string[];
  resolvers: readonly string[] | undefined;
  ca: string | undefined;
  /** Whether those whose hash nobody can read get a password. */
  emergency: boolean;
  progress: Progress;
}

export interface Prepared {
  plan: PreparePlan;
  changes: FileChange[];
  directories: HostDirectory[];
  accounts: AccountChange[];
  shown: ShownChange[];
  findings: Finding[];
  surveys: { primary: Survey; standby: Survey };
  logins: (Snapshot & { users: number; inFiles: number; changed: boolean; systemUsers: boolean }) | undefined;
}

/** Looks at both hosts. Nothing is changed, but that the standby listens on its mail ports for a moment. */
export async function lookAtHosts(options: PrepareOptions): Promise<Prepared> {
  const { primary, standby, progress } = options;
  progress.phase('looking at both hosts');
  const [from, to] = await Promise.all([primary.agent.survey({ mail: options.mail }), standby.agent.survey({ mail: options.mail })]);
  const plan = planFiles({
    primary: { name: primary.name, survey: from },
    standby: { name: standby.name, survey: to },
    exclude: options.exclude,
  });
  progress.phase('comparing files');
  const mainCf = from.postfix === undefined ? undefined : `${from.postfix.config}/main.cf`;
  const compared = await compareFiles({
    plan,
    primary,
    standby,
    keep: [...OF_EACH_HOST, ...options.keep],
    mainCf,
    dovecotConf: from.dovecot?.config,
  });
  const accounts = [...plan.accounts, ...(await passwords(options, from, plan.accounts))];
  const logins = from.dovecot === undefined ? undefined : await loginsOf(options, from, to, compared);
  progress.phase('asking the DNS and the firewall');
  const findings = [
    ...from.findings.map((finding) => ({ ...finding, message: `${primary.name}: ${finding.message}` })),
    ...plan.findings,
    ...compared.findings,
    ...(logins?.findings ?? []),
    ...(await lacking(options, from, expected(from, to, compared.changes))),
  ];
  return {
    plan,
    changes: compared.changes,
    directories: [...plan.directories, ...(logins?.directories ?? [])],
    accounts,
    shown: compared.shown,
    findings,
    surveys: { primary: from, standby: to },
    logins: logins?.snapshot,
  };
}

/** What the standby will show once the files are copied. */
function expected(from: Survey, to: Survey, changes: readonly FileChange[]): Survey {
  const copied = new Set(changes.map(({ path }) => displayBytes(path)));
  const pick = <T extends { path: string }>(mine: readonly T[], theirs: readonly T[]): T[] => [
    ...mine.filter(({ path }) => !copied.has(path)),
    ...theirs.filter(({ path }) => copied.has(path)),
  ];
  return { ...to, certificates: pick(to.certificates, from.certificates), dkim: pick(to.dkim, from.dkim) };
}

/** What a switch would still lack, whatever is copied. */
export async function lacking(options: PrepareOptions, from: Survey, to: Survey): Promise<Finding[]> {
  const { primary, standby } = options;
  const sides = { primary: { ...primary, survey: from }, standby: { ...standby, survey: to } };
  const relay = ((options.keep.includes('relayhost') ? to : from).postfix?.settings['relayhost'] ?? '') !== '';
  const [dns, firewall] = await Promise.all([
    dnsFindings({
      names: namesBy(options.resolvers),
      domains: options.domains,
      standby: sides.standby,
      zones: options.zones,
      clientNames: options.clientNames,
      ca: options.ca,
      relay,
    }),
    firewallFindings(sides),
  ]);
  return [...parityFindings({ ...sides, services: options.services }), ...firewall, ...dns];
}

/** Passwords of people who are system users, where they changed on the primary. */
async function passwords({ primary, standby }: PrepareOptions, from: Survey, accounts: readonly AccountChange[]): Promise<AccountChange[]> {
  if (!hasSystemLogins(from)) return [];
  const { first, last } = from.people;
  const people = from.users.split('\n').flatMap((line) => {
    const [name = '', , id = ''] = line.split(':');
    return name !== '' && Number(id) >= first && Number(id) <= last ? [{ name, id: Number(id) }] : [];
  });
  const names = people.map(({ name }) => name);
  const [here, there] = await Promise.all([primary.agent.shadow(names), standby.agent.shadow(names)]);
  const fresh = new Set(accounts.filter(({ kind }) => kind === 'user').map(({ name }) => name));
  for (const account of accounts) {
    const hash = here[account.name];
    if (account.kind === 'user' && hash !== undefined) account.hash = hash;
  }
  return people.flatMap(({ name, id }): AccountChange[] => {
    const hash = here[name];
    return fresh.has(name) || hash === undefined || hash === there[name] ? [] : [{ kind: 'user', name, id, hash, password: true }];
  });
}

/** The snapshot of hashes, and the changes that bring it to the standby. */
async function loginsOf(
  options: PrepareOptions,
  from: Survey,
  to: Survey,
  compared: { changes: FileChange[]; shown: ShownChange[] },
): Promise<{ snapshot: NonNullable<Prepared['logins']>; directories: HostDirectory[]; findings: Finding[] } | undefined> {
  const { primary, standby, emergency } = options;
  const config = from.dovecot?.config;
  if (config === undefined) return undefined;
  options.progress.phase('reading who may log in');
  const read: Logins = await primary.agent.logins();
  const places = placesOf(config);
  const [hashes = null, settings = null] =
    to.dovecot === undefined ? [null, null] : await standby.agent.read([places.hashes, places.settings].map(toBytes));
  const text = (content: string | null): string => (content === null ? '' : Buffer.from(content, 'base64').toString('utf8'));
  const systemUsers = hasSystemLogins(from);
  // System users have their hashes in shadow(5) of the standby, too.
  const told = systemUsers ? { ...read, inFiles: [...read.inFiles, ...read.readable.map(({ user }) => user)], readable: [] } : read;
  const snapshot = makeSnapshot(told, text(hashes), emergency);
  const wanted: readonly [string, string | null, string, number][] =
    snapshot.text === ''
      ? []
      : [
          [places.settings, settings, snapshotSettings(to.dovecot?.version ?? from.dovecot?.version ?? '', places.hashes), 0o640],
          [places.hashes, hashes, snapshot.text, 0o640],
        ];
  let changed = false;
  for (const [path, before, after, mode] of wanted) {
    if (text(before) === after) continue;
    changed = true;
    const { createHash } = await import('node:crypto');
    const expect = before === null ? null : createHash('sha256').update(Buffer.from(before, 'base64')).digest('hex');
    compared.changes.push({
      path: toBytes(path),
      content: Buffer.from(after).toString('base64'),
      mode,
      user: 'root',
      group: 'dovecot',
      mtime: Math.floor(now() / 1000),
      expect,
    });
    compared.shown.push({
      path,
      what: before === null ? 'new' : 'content',
      detail: path === places.hashes ? loginsText(snapshot) : 'has Dovecot read the snapshot',
    });
  }
  const findings: Finding[] = read.findings.map((finding) => ({ ...finding, message: `${primary.name}: ${finding.message}` }));
  if (snapshot.uncovered.length > 0)
    findings.push({
      severity: 'warning',
      code: 'login-uncovered',
      message: `${snapshot.uncovered.length} of ${read.users.length} users can not log in when their directory is gone, since it gives out no hashes: ${snapshot.uncovered.slice(0, 5).join(', ')}${snapshot.uncovered.length > 5 ? ', …' : ''}`,
      hint: "issue emergency passwords to them: 'standby.prepare: { emergency: true }' in the configuration",
      subject: standby.name,
    });
  return {
    snapshot: { ...snapshot, users: read.users.length, inFiles: told.inFiles.length, changed, systemUsers },
    directories:
      wanted.length > 0 && hashes === null ? [{ path: toBytes(places.directory), mode: 0o750, user: 'root', group: 'dovecot' }] : [],
    findings,
  };
}

function loginsText({ readable, emergency, issued }: Snapshot): string {
  return [
    `${readable} hashes that were read`,
    ...(emergency.length > 0 ? [`${emergency.length} emergency passwords, ${issued.length} of them new`] : []),
    'not shown',
  ].join(', ');
}

export interface Done {
  run: string;
  written: number;
  findings: Finding[];
  /** Everything was put back, since Postfix or Dovecot did not understand it. */
  putBack: boolean;
}

/** So many bytes of base64 go over at once. */
const BATCH = 16 * 1024 * 1024;
const INDEXED = new Set(['hash', 'btree', 'lmdb', 'cdb', 'dbm', 'sdbm']);

export function newRun(): string {
  return `${isoNow().replace(/[-:]/g, '').slice(0, 15)}-${randomBytes(3).toString('hex')}`;
}

/** Brings what is missing; where the standby's Postfix or Dovecot does not understand it, all is put back. */
export async function prepareStandby({ standby, progress }: PrepareOptions, prepared: Prepared, run: string): Promise<Done> {
  const { changes, directories, accounts, surveys } = prepared;
  const { agent } = standby;
  const findings: Finding[] = [];
  let written = 0;
  progress.phase('copying');
  const batches: FileChange[][] = [[]];
  let size = 0;
  for (const change of changes) {
    if (size > BATCH) {
      batches.push([]);
      size = 0;
    }
    size += change.content?.length ?? 0;
    batches.at(-1)?.push(change);
  }
  for (const [at, files] of batches.entries()) {
    const result = await agent.write({ run, files, directories: at === 0 ? directories : [], accounts: at === 0 ? accounts : [] });
    written += result.written;
    findings.push(...result.findings);
  }
  progress.phase('building indexes, and asking Postfix and Dovecot');
  const before = surveys.standby.postfix !== undefined && surveys.standby.dovecot !== undefined;
  const finished = await agent.finish({
    maps: mapsOf(
      surveys.primary,
      changes.map(({ path }) => displayBytes(path)),
    ),
    authorities: changes.some(({ path }) => path.startsWith('/usr/local/share/ca-certificates/')),
    units: changes.some(({ path }) => path.startsWith('/etc/systemd/system/')),
  });
  if (finished.understood || !before) return { run, written, findings: [...findings, ...finished.findings], putBack: false };
  const undone = await agent.undo(run);
  await agent.finish({ maps: mapsOf(surveys.standby, undone.restored), authorities: false, units: true });
  return {
    run,
    written: 0,
    findings: [
      ...findings,
      ...finished.findings.map((finding) =>
        finding.code === 'not-understood' ? { ...finding, message: `with what was copied ${finding.message}` } : finding,
      ),
      ...undone.findings,
    ],
    putBack: true,
  };
}

/** Maps whose source is another now. */
export function mapsOf({ files, postfix }: Survey, paths: readonly string[]): { type: string; path: string; alias: boolean }[] {
  const changed = new Set(paths);
  const maps = new Map<string, { type: string; path: string; alias: boolean }>();
  for (const name of postfix?.given ?? [])
    for (const [, type = '', path = ''] of (postfix?.settings[name] ?? '').matchAll(/([a-z]+):(\/[^\s,;:"'(){}<>|]+)/g))
      if (INDEXED.has(type) && changed.has(path))
        maps.set(`${type}:${path}`, { type, path, alias: name === 'alias_maps' || name === 'alias_database' });
  // Debian's default, which stands in no file.
  if (
    changed.has('/etc/aliases') &&
    files.some(({ path }) => path === '/etc/aliases') &&
    ![...maps.values()].some(({ path }) => path === '/etc/aliases')
  )
    maps.set('/etc/aliases', { type: postfix?.settings['default_database_type'] ?? 'hash', path: '/etc/aliases', alias: true });
  return [...maps.values()];
}

/** @throws MailrecoverError `config` where nobody could read the passwords that are to be issued */
export function checkRecipients(emergency: boolean, recipients: readonly string[]): void {
  if (!emergency || recipients.length > 0) return;
  throw new MailrecoverError('config', 'emergency passwords are encrypted, and nobody is named who reads them', {
    hint: "name an age recipient: 'standby.prepare: { recipients: [age1…] }'",
  });
}
