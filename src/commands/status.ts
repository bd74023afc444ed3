import { isAbsolute } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Status, StatusOptions } from '../backup/status.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { suggest } from '../errors/suggest.ts';
import { diskStores, placeOf, type Place } from './from-config.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { certificatesOf } from './status/certificates.ts';
import { mailState } from './status/mail.ts';
import { plannedRuns, type PlannedRuns } from './status/planned.ts';
import { renderAll, renderStatus } from './status/render.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'status',
  summary: 'answer whether this server could be lost now',
  description: [
    'Answers one question: could this server be lost now? It looks at the age of the newest complete backup and of the last proof that mail comes back, and compares both with the goals in the configuration; at runs that failed, never ended, or were due and did not run; at the room that is left; and at what no backup holds: mail stores and databases that the mail server uses and the configuration does not name, a repository on the disk of the mail, a key that nobody confirmed.',
    'Proofs that another host made, and the history of other hosts, are read from the repository.',
  ],
  arguments: {},
  options: {
    host: { kind: 'text', value: 'HOST', description: 'ask about another host that writes into the repository' },
    all: { kind: 'flag', description: 'ask about every host that writes into the repository' },
  },
  examples: [
    { command: 'mailrecover status', says: 'Look before you go home.' },
    { command: 'mailrecover status --quiet', says: 'Ask from cron: silent and 0 when all is well.' },
    { command: 'mailrecover status --all', says: 'See how every host that shares the repository stands.' },
  ],
  exitCodes: { 0: 'yes, perhaps with warnings', 1: 'no: something is wrong, and is named', ...READING_EXIT_CODES },
  json: {
    'verdict.{answer,because}': 'yes, doubtful or no; and the codes of the findings that say why',
    asked: 'the host that was asked about',
    'newest.{id,time,host,messages,bytes}': 'its newest complete snapshot',
    ageSeconds: 'how old that is',
    snapshots: 'how many snapshots there are, of all hosts',
    'size.{bytes,objects}': 'the whole repository',
    grownLastWeek: 'bytes that backups stored in the last seven days',
    'growth.{perDay,free,daysUntilFull}':
      'bytes a day that backups add, first ones left out; free bytes, for a repository on this host; days until those are used up',
    'verified.{snapshot,level,scope,time,by,seconds}':
      'the last proof that mail comes back; scope is part where not every mailbox was proved',
    'verifiedWhole.{snapshot,level,scope,time,by,seconds}': 'the last proof of all mailboxes',
    'coverage.{days,mailboxes,proved,overdueCount,overdue,failed}':
      'how many mailboxes were proved here within so many days, and the names of those that were not',
    'lastRuns.{backup,verify,check}': 'the newest run of each, as history tells it',
    'failures[]': 'runs of the last week that failed and were not made up for since',
    'incomplete[]': 'runs of the last week that never ended',
    'next.{job,command,time}': 'what runs next, where a schedule is installed',
    'missed[].{job,due,times}': 'what was due and did not run',
    'spool.{waiting,refused,oldest}': 'mails of this program that wait to be sent, or were refused for good; where `notify` is configured',
    'uncovered[]': 'what no backup holds, or nothing protects: findings that stand in findings, too',
    'key.{confirmed,bareIdentity}': 'whether the key was confirmed, and whether a bare private key lies on this host',
    encrypted: 'whether the repository is encrypted',
    recipients: 'to how many recipients',
    nextDeep: 'when a backup next compares every file by itself',
    'goals.{rpo,rto}.{goalSeconds,actualSeconds,met}': 'goals, and what is',
    'hosts[].{host,newest,ageSeconds,snapshots,verified,lastRuns}': 'every host that writes into the repository',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const place = await placeOf(context, { host: options.host });
    const config = await context.config();
    const { status, planned } = await statusOf(context, place, config, options.all);
    if (options.host !== undefined && !status.hosts.some(({ host }) => host === options.host))
      throw noHost(
        options.host,
        status.hosts.map(({ host }) => host),
      );
    const mail = place.host === place.thisHost ? await mailState(context) : { spool: undefined, findings: [] };
    const tls = place.host === place.thisHost ? await certificatesOf(config, context.signal) : undefined;
    // Errors first: the verdict is the first of them.
    const rank = { error: 0, warning: 1, info: 2 };
    const all = [...status.findings, ...planned.findings, ...mail.findings, ...(tls?.findings ?? [])];
    const findings = all.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
    // A certificate that ended is bad, and says nothing of whether the mail would come back.
    const isBeside = ({ code }: Finding): boolean => code.startsWith('certificate-');
    const failed = findings.some((each) => each.severity === 'error' && !isBeside(each));
    const warned = findings.some((each) => each.severity === 'warning' || (each.severity === 'error' && isBeside(each)));
    const outcome = failed ? 'failed' : warned ? 'warning' : 'ok';
    const worst = failed ? 'error' : 'warning';
    const because = [...new Set(findings.filter(({ severity }) => severity === worst).map(({ code }) => code))];
    const { host: asked, created: _c, findings: _, runs: __, hosts, ...fields } = status;
    const { findings: ___, ...plan } = planned;
    const shown = {
      status,
      planned,
      spool: mail.spool,
      certificates: tls?.certificates,
      findings,
      outcome,
      location: place.target.location,
    } as const;
    return {
      outcome,
      counts: { snapshots: status.snapshots, messages: status.newest?.messages ?? 0 },
      findings,
      fields: {
        verdict: { answer: failed ? 'no' : warned ? 'doubtful' : 'yes', because },
        asked,
        ...fields,
        ...plan,
        ...(mail.spool === undefined ? {} : { spool: mail.spool }),
        ...(tls === undefined ? {} : { certificates: tls.certificates }),
        uncovered: findings.filter(({ code }) => UNCOVERED.has(code)),
        hosts: hosts.map(({ failures: _f, incomplete: _i, running: _r, proofs: _p, runs: _h, ...host }) => host),
      },
      render: (text) => (options.all ? renderAll(shown, text) : renderStatus(shown, text)),
    };
  },
});

/** Findings about what nothing protects. */
const UNCOVERED: ReadonlySet<string> = new Set([
  'store-not-covered',
  'system-not-covered',
  'users-not-covered',
  'same-disk',
  'no-second-copy',
  'copy-old',
  'never-verified',
  'mailboxes-unproved',
  'key-unconfirmed',
]);

/** Everything there is to tell, for `status` and `metrics`. */
export async function statusOf(
  context: CommandContext,
  place: Place,
  config: Config,
  all: boolean,
): Promise<{ status: Status; planned: PlannedRuns }> {
  const [{ openRepository }, { backupStatus }] = await Promise.all([import('../repository/repository.ts'), import('../backup/status.ts')]);
  const repository = await openRepository(place.target);
  const { at } = config.repository;
  const options: StatusOptions = {
    repository,
    host: place.host,
    thisHost: place.thisHost,
    state: place.state,
    keysRoot: place.keysRoot,
    recipients: config.recipients.length,
    trust: place.trust,
    identities: config.identities.map((reference) => reference.slice('file:'.length)),
    deepEvery: config.backup.deepEvery,
    goals: config.goals ?? {},
    directory: isAbsolute(at) ? at : undefined,
    cover: {
      stores: diskStores(config.stores).map(({ name, path }) => ({ name, path })),
      system: { enabled: config.system?.enabled === true, databases: config.system?.databases.length ?? 0 },
    },
    copies: config.copies.length,
    all,
    signal: context.signal,
  };
  const status = await backupStatus(options);
  const planned = place.host === place.thisHost ? await plannedRuns(config, place, repository.id, status.runs) : NOTHING_PLANNED;
  return { status, planned };
}

const NOTHING_PLANNED: PlannedRuns = { next: undefined, missed: [], coverage: undefined, findings: [] };

export function noHost(host: string, names: readonly string[]): MailrecoverError {
  const meant = suggest(host, names);
  return new MailrecoverError('not-found', `nothing is known of host '${host}', only of: ${names.join(', ')}`, {
    hint: meant === undefined ? "see them all: 'mailrecover status --all'" : `did you mean --host ${meant}?`,
    subject: host,
  });
}
