/** The schedule as the configuration has it, checked against the commands that there are. */
import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { diskStores } from '../from-config.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { suggest } from '../../errors/suggest.ts';
import { type Job, type Needs, RECOMMENDED, type Schedule } from '../../schedule/jobs.ts';
import type { Host } from '../../schedule/systemd/units.ts';
import { fixedPart, parsePattern } from '../../store/pattern.ts';
import { userId } from '../../system/owners.ts';
import { programPath } from '../../system/program.ts';
import { flagOf } from '../flags.ts';
import { GLOBAL_OPTIONS } from '../global.ts';
import type { AnyCommand, CommandContext } from '../types.ts';

const DEFAULT_DELAY = 120;
const DEFAULT_TIMEOUT = 86_400;
const DEFAULT_MEMORY = '2G';

export interface ConfiguredSchedule {
  schedule: Schedule;
  /** The configuration names no jobs. */
  recommended: boolean;
  /** Recommended jobs that can't run here, since no private key is on this host. */
  withoutKey: string[];
}

/**
 * The jobs of the configuration, or the recommended ones.
 * @throws MailrecoverError `config` where a job's command or one of its options is not known
 */
export async function scheduleOf(config: Config): Promise<ConfiguredSchedule> {
  const timeZone = config.schedule?.timeZone;
  const configured = config.schedule?.jobs ?? [];
  if (configured.length === 0) {
    const has = whatIsThere(config);
    const possible = RECOMMENDED.filter(({ needs }) => needs === undefined || has[needs]);
    const jobs = possible.map(({ name, run, at, unrecorded = false }): Job => {
      const [command = '', ...options] = run.split(' ');
      const words = [command, ...(command === 'report' && config.report.all ? ['--all'] : []), ...options];
      return {
        name,
        words,
        at,
        randomDelay: DEFAULT_DELAY,
        timeout: DEFAULT_TIMEOUT,
        memory: DEFAULT_MEMORY,
        ...(unrecorded ? { unrecorded } : {}),
      };
    });
    const withoutKey = RECOMMENDED.filter(({ needs }) => needs === 'key' && !has.key).map(({ name }) => name);
    return { schedule: { jobs, timeZone }, recommended: true, withoutKey };
  }
  const jobs: Job[] = [];
  for (const { name, run, at, randomDelay, timeout, memory } of configured) {
    const words = run.trim().split(/\s+/);
    const { recordsHistory } = await checkedCommand(name, words);
    const unrecorded = typeof recordsHistory === 'string' ? !words.includes(flagOf(recordsHistory)) : recordsHistory !== true;
    const limits = { randomDelay: randomDelay ?? DEFAULT_DELAY, timeout: timeout ?? DEFAULT_TIMEOUT, memory };
    jobs.push({ name, words, at, ...limits, ...(unrecorded ? { unrecorded } : {}) });
  }
  return { schedule: { jobs, timeZone }, recommended: false, withoutKey: [] };
}

function whatIsThere({ encryption, identities, retention, copies, notify, report, standby }: Config): Record<Needs, boolean> {
  const transports = (notify?.transports.length ?? 0) > 0;
  return {
    key: !encryption || identities.length > 0,
    policy: retention.keep !== undefined,
    copies: copies.length > 0,
    transports,
    accounts: (notify?.accounts.length ?? 0) > 0,
    links: (notify?.links.length ?? 0) > 0,
    standby: standby !== undefined,
    rehearsal: standby?.rehearsal !== undefined,
    daily: transports && report.summary === 'daily',
    weekly: transports && report.summary === 'weekly',
    monthly: transports && report.summary === 'monthly',
  };
}

async function checkedCommand(job: string, words: readonly string[]): Promise<AnyCommand> {
  const { registry } = await import('../index.ts');
  const command = (await registry.load(words.slice(0, 2).join(' '))) ?? (await registry.load(words[0] ?? ''));
  const wrong = (what: string, hint: string | undefined): MailrecoverError =>
    new MailrecoverError('config', `job '${job}' of the schedule: ${what}`, hint === undefined ? {} : { hint });
  if (command === undefined) {
    const meant = suggest(words[0] ?? '', registry.names());
    throw wrong(
      `there is no command '${words[0] ?? ''}'`,
      meant === undefined ? "list them: 'mailrecover help'" : `did you mean '${meant}'?`,
    );
  }
  const known = [...Object.keys(command.options), ...Object.keys(GLOBAL_OPTIONS)].map(flagOf);
  for (const word of words) {
    const flag = word.split('=', 1)[0] ?? '';
    if (!flag.startsWith('--') || known.includes(flag)) continue;
    const meant = suggest(flag, known);
    throw wrong(
      `'${command.name}' has no option '${flag}'`,
      meant === undefined ? `see 'mailrecover help ${command.name}'` : `did you mean '${meant}'?`,
    );
  }
  return command;
}

/** What the units need to know of this host. */
export function hostOf(context: CommandContext, config: Config): Host {
  const [repository, ...copies] = [config.repository, ...config.copies].map(({ at }) => (at.startsWith('/') ? at : undefined));
  const path = resolve(context.configPath);
  const mail = diskStores(config.stores).flatMap((store) =>
    [store.path, store.control, store.index, store.home].flatMap((pattern) =>
      pattern === undefined ? [] : [fixedPart(parsePattern(pattern))],
    ),
  );
  // ssh looks for keys and known hosts in the home directory.
  const ssh = [config.repository, ...config.copies].some(({ at }) => at.startsWith('sftp:')) ? ['/root'] : [];
  const present = [repository, ...copies].flatMap((each) => each ?? []);
  return {
    name: config.schedule?.name ?? 'mailrecover',
    program: programPath(),
    config: path,
    state: config.state,
    repository,
    copies: copies.flatMap((each) => each ?? []),
    reads: [dirname(path), ...mail, ...ssh, ...pathsIn(config)],
    user: config.schedule?.user ?? 'root',
    rootOwns: [config.state, ...present].every(belongsToRoot),
    readsAll: readsAll(config.schedule?.user ?? 'root', mail),
    confine: config.schedule?.confine ?? true,
    // What prepares a standby writes its mail and its settings, and starts a Postfix to rehearse.
    unconfined: [
      ...(runsOthers(config) ? ['backup', 'watch'] : []),
      ...(config.standby === undefined ? [] : ['standby']),
      ...config.hooks.map(({ verb }) => verb),
    ],
  };
}

/** Whether a user who is not root reads mail of others: the mailboxes below the fixed parts of the stores tell. */
function readsAll(user: string, roots: readonly string[]): boolean {
  if (user === 'root') return false;
  const uid = userId(user);
  return roots.some((root) => {
    try {
      return readdirSync(root, { withFileTypes: true }).some(
        (entry) => entry.isDirectory() && lstatSync(join(root, entry.name)).uid !== uid,
      );
    } catch {
      return false;
    }
  });
}

/** Whether backups start programs of which nobody knows what they need (for snapshots of file systems, and dumps of databases), or read what a confined one would not see, such as /root. */
function runsOthers(config: Config): boolean {
  return config.freeze.length > 0 || config.system?.enabled === true;
}

/** Absolute paths that stand anywhere in the configuration, also in references (`file:/…`). */
function pathsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.replace(/^file:/, '').startsWith('/') ? [value.replace(/^file:/, '')] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(pathsIn) : [];
}

/** True also for what is not there yet: root will make it. */
function belongsToRoot(path: string): boolean {
  try {
    return lstatSync(path).uid === 0;
  } catch {
    return true;
  }
}
