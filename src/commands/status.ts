import type { Status } from '../backup/status.ts';
import { placeOf } from './from-config.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'status',
  summary: 'tell whether backups are as they should be',
  description: [
    'Tells when the newest snapshot was made and what it holds, when it was last verified and at which level, whether the last runs ended well, how large the repository is and how it grows, whether the key was confirmed, and compares with the goals in the configuration.',
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover status --quiet', says: 'Ask from monitoring: silent and 0 when all is well.' }],
  exitCodes: { 0: 'all is well, perhaps with warnings', 1: 'something is wrong, and is named', ...READING_EXIT_CODES },
  json: {
    'newest.{id,time,host,messages,bytes}': 'the newest complete snapshot',
    ageSeconds: 'how old it is',
    snapshots: 'how many snapshots there are, of all hosts',
    'size.{bytes,objects}': 'the whole repository',
    grownLastWeek: 'bytes that backups of this host stored in the last seven days',
    'verified.{snapshot,level,time}': 'the last verification that ended well',
    'lastRuns.{backup,verify,check}': 'the newest run of each, as history tells it',
    'key.{confirmed,bareIdentity}': 'whether the key was confirmed, and whether a bare private key lies on this host',
    encrypted: 'whether the repository is encrypted',
    recipients: 'to how many recipients',
    nextDeep: 'when a backup next compares every file by itself',
    'goals.{rpo,rto}.{goalSeconds,actualSeconds,met}': 'goals, and what is',
  },
  async run(context): Promise<CommandResult> {
    const place = await placeOf(context);
    const config = await context.config();
    const [{ openRepository }, { backupStatus }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../backup/status.ts'),
    ]);
    const repository = await openRepository(place.target);
    const status = await backupStatus({
      repository,
      host: place.host,
      state: place.state,
      keysRoot: place.keysRoot,
      recipients: config.recipients.length,
      trust: place.trust,
      identities: config.identities.map((reference) => reference.slice('file:'.length)),
      deepEvery: config.backup.deepEvery,
      goals: { rpo: config.goals?.rpo, rto: config.goals?.rto },
    });
    const { findings, ...fields } = status;
    const failed = findings.some(({ severity }) => severity === 'error');
    const warned = findings.some(({ severity }) => severity === 'warning');
    return {
      outcome: failed ? 'failed' : warned ? 'warning' : 'ok',
      counts: { snapshots: status.snapshots, messages: status.newest?.messages ?? 0 },
      findings,
      fields,
      render: (text) => render(status, place.target.location, text),
    };
  },
});

function render(status: Status, location: string, text: TextHelpers): string {
  const has = (...codes: string[]): 'error' | 'warning' | undefined =>
    status.findings
      .filter(({ code }) => codes.includes(code))
      .reduce<'error' | 'warning' | undefined>(
        (worst, { severity }) => (severity === 'error' ? 'error' : severity === 'warning' ? (worst ?? 'warning') : worst),
        undefined,
      );
  const paint = (value: string, ...codes: string[]): string => {
    const worst = has(...codes);
    return worst === 'error' ? text.red(value) : worst === 'warning' ? text.yellow(value) : value;
  };
  const { newest, ageSeconds, verified, key, goals } = status;
  const backup = status.lastRuns.backup;
  const rows: [string, string][] = [
    [
      'newest backup',
      newest === undefined || ageSeconds === undefined
        ? paint('none', 'no-backup')
        : `${paint(`${text.duration(ageSeconds * 1000)} ago`, 'backup-old')}, ${text.bold(newest.id.slice(0, 12))} of ${text.time(newest.time)}`,
    ],
    [
      'last run',
      backup === undefined ? 'none' : paint(`${backup.state}, ${text.time(backup.startedAt)}`, 'last-backup', 'partial-snapshot'),
    ],
    ...(newest === undefined
      ? []
      : [['holds', `${text.number(newest.messages)} messages, ${text.size(newest.bytes)}`] as [string, string]]),
    [
      'last verified',
      verified === undefined
        ? paint('never', 'never-verified')
        : paint(`${text.time(verified.time)}, level ${verified.level}`, 'verify-old', 'last-verify'),
    ],
    ['snapshots', text.number(status.snapshots)],
    ['repository', `${location}, ${text.size(status.size.bytes)}, ${text.size(status.grownLastWeek)} stored in the last 7 days`],
    [
      'encryption',
      status.encrypted ? `to ${status.recipients} ${status.recipients === 1 ? 'recipient' : 'recipients'}` : text.yellow('none'),
    ],
    ...(status.encrypted
      ? [
          ['recovery key', key.confirmed ? paint('confirmed', 'bare-identity') : paint('not confirmed', 'key-unconfirmed')] as [
            string,
            string,
          ],
        ]
      : []),
    ...(status.nextDeep === undefined ? [] : [['next deep backup', text.time(status.nextDeep)] as [string, string]]),
  ];
  for (const [name, goal] of Object.entries(goals)) {
    const actual = goal.actualSeconds === undefined ? 'unknown' : text.duration(goal.actualSeconds * 1000);
    rows.push([
      `goal ${name.toUpperCase()}`,
      `${goal.met ? text.green('met') : text.red('not met')}: ${actual}, promised ${text.duration(goal.goalSeconds * 1000)}`,
    ]);
  }
  return text.pairs(rows);
}
