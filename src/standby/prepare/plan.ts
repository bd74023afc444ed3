/** What the standby must get to be a mail server as the primary is one: a pure comparison of two hosts. */
import type { Finding } from '../../errors/finding.ts';
import { parseAccounts } from '../../restore/system/facts.ts';
import { displayBytes, type ByteString } from '../../store/bytes.ts';
import type { AccountChange, HostDirectory, HostFile, Survey } from './model.ts';

export type FileReason = 'missing' | 'content' | 'owner' | 'link';

export interface PlannedFile {
  file: HostFile;
  reason: FileReason;
  /** What lies there now: SHA-256, `link:…`, or null. */
  there: string | null;
}

export interface PreparePlan {
  files: PlannedFile[];
  directories: HostDirectory[];
  accounts: AccountChange[];
  /** Files of the standby that the primary has not; they stay. */
  onlyThere: string[];
  alike: number;
  findings: Finding[];
}

export interface PlanOptions {
  primary: { name: string; survey: Survey };
  standby: { name: string; survey: Survey };
  /** Paths that are left out, with what is below them. */
  exclude: readonly string[];
}

const INDEX = /^(.*)\.(?:db|lmdb|cdb|pag|dir)$/;

export function planFiles({ primary, standby, exclude }: PlanOptions): PreparePlan {
  const there = new Map(standby.survey.files.map((file) => [file.path, file]));
  const isOut = (path: ByteString): boolean =>
    exclude.some((each) => displayBytes(path) === each || displayBytes(path).startsWith(`${each}/`));
  const own = new Set(primary.survey.files.map(({ path }) => path));
  // Indexes are built anew from their sources: they are of one version of Berkeley DB or LMDB.
  const isIndex = (path: ByteString): boolean => own.has(INDEX.exec(path)?.[1] ?? '');
  const wanted = primary.survey.files.filter(({ path }) => !isOut(path) && !isIndex(path));
  const plan: PreparePlan = { files: [], directories: [], accounts: [], onlyThere: [], alike: 0, findings: [] };
  for (const file of wanted) {
    const now = there.get(file.path);
    const reason = differs(file, now);
    if (reason === undefined) plan.alike++;
    else if (file.to === undefined && file.sha256 === undefined)
      plan.findings.push({
        severity: 'error',
        code: 'unreadable',
        message: `'${displayBytes(file.path)}' can not be read on '${primary.name}'`,
        subject: displayBytes(file.path),
      });
    else plan.files.push({ file, reason, there: stateOf(now) });
  }
  const known = new Map(standby.survey.directories.map((directory) => [directory.path, directory]));
  const parents = new Set(plan.files.flatMap(({ file }) => parentsOf(file.path)));
  plan.directories = primary.survey.directories.filter(({ path }) => parents.has(path) && !known.has(path));
  plan.onlyThere = standby.survey.files
    .filter(({ path }) => !own.has(path) && !isIndex(path) && !isOut(path))
    .map(({ path }) => displayBytes(path));
  planAccounts(plan, { primary, standby });
  return plan;
}

function stateOf(file: HostFile | undefined): string | null {
  if (file === undefined) return null;
  return file.to === undefined ? (file.sha256 ?? '') : `link:${file.to}`;
}

function differs(file: HostFile, now: HostFile | undefined): FileReason | undefined {
  if (now === undefined) return 'missing';
  if (file.to !== undefined || now.to !== undefined) return file.to === now.to ? undefined : 'link';
  if (file.sha256 !== now.sha256) return 'content';
  return file.mode === now.mode && file.user === now.user && file.group === now.group ? undefined : 'owner';
}

function parentsOf(path: ByteString): ByteString[] {
  const parts = path.split('/');
  return parts.slice(2, -1).map((_, at) => parts.slice(0, at + 3).join('/'));
}

/** Ways of logging in that ask the system's own users (Dovecot: passdb pam, shadow, passwd). */
const SYSTEM_LOGINS = new Set(['pam', 'shadow', 'passwd', 'bsdauth']);

export function hasSystemLogins({ dovecot }: Survey): boolean {
  return dovecot?.logins.some(({ driver }) => SYSTEM_LOGINS.has(driver)) === true;
}

/** Users and groups that own something, and those that log in to read mail. */
function planAccounts(plan: PreparePlan, { primary, standby }: Pick<PlanOptions, 'primary' | 'standby'>): void {
  const users = { from: parseAccounts(primary.survey.users), to: parseAccounts(standby.survey.users) };
  const groups = { from: parseAccounts(primary.survey.groups), to: parseAccounts(standby.survey.groups) };
  const { first, last } = primary.survey.people;
  const people = hasSystemLogins(primary.survey)
    ? [...users.from.values()].filter(({ id }) => id >= first && id <= last).map(({ name }) => name)
    : [];
  const settings = primary.survey.postfix?.settings ?? {};
  const owners = [...primary.survey.files, ...primary.survey.directories].flatMap(({ user, group }) => [user, group]);
  const names = new Set([...owners, ...people, settings['mail_owner'] ?? '', ...mailOwners(primary.survey)]);
  const say = (message: string, hint: string, subject: string): void =>
    void plan.findings.push({ severity: 'error', code: 'user-differs', message, hint, subject });
  const make = (kind: 'user' | 'group', name: string): void => {
    const { from, to } = kind === 'user' ? users : groups;
    const wanted = from.get(name);
    if (wanted === undefined || plan.accounts.some((each) => each.kind === kind && each.name === name)) return;
    const now = to.get(name);
    if (now !== undefined) {
      if (now.id !== wanted.id && isOfMail(name, people, primary.survey))
        say(
          `the ${kind} '${name}' has the number ${now.id} on '${standby.name}' and ${wanted.id} on '${primary.name}': mail would belong to somebody else`,
          kind === 'user' ? `change it there: usermod --uid ${wanted.id} ${name}` : `change it there: groupmod --gid ${wanted.id} ${name}`,
          name,
        );
      return;
    }
    const taken = [...to.values()].find(({ id }) => id === wanted.id);
    if (taken !== undefined)
      return say(
        `the ${kind} '${name}' is missing on '${standby.name}', and its number ${wanted.id} is that of '${taken.name}' there`,
        kind === 'user'
          ? `give '${taken.name}' another there: usermod --uid NUMBER ${taken.name}`
          : `give '${taken.name}' another there: groupmod --gid NUMBER ${taken.name}`,
        name,
      );
    if (kind === 'group') {
      const members = (wanted.rest[0] ?? '').split(',').filter((member) => people.includes(member));
      plan.accounts.push({ kind, name, id: wanted.id, ...(members.length === 0 ? {} : { members }) });
      return;
    }
    const [gid = '', , home = '/nonexistent', shell = '/usr/sbin/nologin'] = wanted.rest;
    const group = [...groups.from.values()].find(({ id }) => id === Number(gid));
    if (group !== undefined) make('group', group.name);
    plan.accounts.push({ kind, name, id: wanted.id, gid: Number(gid), home, shell });
  };
  for (const name of names) for (const kind of ['group', 'user'] as const) make(kind, name);
  // Of those whom packages bring, the packages take care.
  plan.accounts = plan.accounts.filter(({ name, id }) => id >= 1000 || isOfMail(name, people, primary.survey));
}

function isOfMail(name: string, people: readonly string[], survey: Survey): boolean {
  return people.includes(name) || mailOwners(survey).includes(name);
}

/** Who owns mail and what is copied; `root`, and users of packages, are the same everywhere by name. */
function mailOwners(survey: Survey): string[] {
  return [...new Set(survey.disks.flatMap(({ owners }) => owners))].filter((name) => name !== 'root');
}
