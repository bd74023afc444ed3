import { resolve } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { VerifyCounts } from '../verify/comparison.ts';
import { HOST, IDENTITY, IDENTITY_EXIT_CODES, MAILBOX, MAILBOX_FORMS, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { identitiesOf, placeOf, threadsOf } from './from-config.ts';
import { proofBook } from './rotate.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'verify',
  summary: 'restore into a scratch directory and prove that mail comes back',
  description: [
    'Restores a snapshot into a scratch directory and proves it. Level files compares every byte and attribute with the catalog. Level mail also parses each message and compares UID lists with files. Level server also starts a private Dovecot on the copy and compares what it serves over IMAP: UIDVALIDITY, UIDs, flags, dates, sizes and bodies. The scratch copy is removed afterwards.',
    'The times to the first login and to the end are what a real restore would take (RTO); the age of the newest message is what would be lost (RPO).',
    SNAPSHOT_FORMS,
    MAILBOX_FORMS,
  ],
  arguments: { snapshot: { value: 'SNAP', description: "the snapshot; by default 'latest'" } },
  options: {
    level: { kind: 'choice', value: 'LEVEL', choices: ['files', 'mail', 'server'], description: 'how far the proof goes', default: 'mail' },
    scratch: {
      kind: 'text',
      value: 'DIR',
      description: 'where to restore; by default $TMPDIR, or /var/tmp',
      complete: 'directory',
    },
    sample: { kind: 'text', value: 'N%', description: 'prove this share of the mailboxes, chosen at random, such as 10%' },
    rotate: {
      kind: 'number',
      value: 'DAYS',
      description: 'prove as many mailboxes as it takes for each to have its turn within so many days, when run each night',
      min: 1,
      max: 3650,
    },
    ...MAILBOX,
    ...IDENTITY,
    ...HOST,
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover verify --level server', says: 'Prove that the newest snapshot can be served.' },
    { command: 'mailrecover verify --level server --rotate 30 --quiet', says: 'Prove a part each night, and all within 30 days.' },
  ],
  exitCodes: {
    0: 'everything that was compared is right',
    1: 'the proof could not be made',
    3: 'right as far as it went, but something could not be compared',
    ...IDENTITY_EXIT_CODES,
    4: 'something is missing, damaged or different',
  },
  json: {
    snapshot: 'the id of the snapshot',
    level: 'the level that was proved',
    scope: 'all, or part where not every mailbox was',
    'counts.mailboxes': 'mailboxes that were compared',
    'counts.messages': 'messages that were compared',
    'counts.compared': 'messages that were compared in everything that the level asks',
    'counts.mismatched': 'things that are different',
    'counts.missing': 'things that are missing',
    'counts.unexpected': 'things that should not be there',
    'rto.firstLoginMs': 'milliseconds until the first mailbox could be opened',
    'rto.completeMs': 'milliseconds until everything was restored',
    'rpo.newestMessage': 'the time of the newest message',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const sample = sampleOf(options.sample);
    if (options.rotate !== undefined && (options.sample !== undefined || options.mailbox.length > 0)) {
      throw new MailrecoverError('usage', '--rotate chooses the mailboxes, so it goes with neither --sample nor --mailbox', {
        hint: 'leave one of them out',
      });
    }
    if (options.rotate !== undefined && args.snapshot !== undefined && args.snapshot !== 'latest') {
      throw new MailrecoverError('usage', `--rotate proves the newest snapshot, and '${args.snapshot}' is named`, {
        hint: 'leave the snapshot out',
      });
    }
    const place = await placeOf(context, options);
    const [{ openRepository }, { chooseSnapshot }, { verify }] = await Promise.all([
      import('../repository/repository.ts'),
      import('./choose-snapshot.ts'),
      import('../verify/verify.ts'),
    ]);
    const repository = await openRepository(place.target);
    const identities = await identitiesOf(context, place, repository, options.identity);
    const { snapshot, findings } = await chooseSnapshot(place, args.snapshot ?? 'latest');
    // What an older snapshot proves says nothing of the backups as they are now.
    const newest = args.snapshot === undefined || args.snapshot === 'latest';
    const book = newest
      ? proofBook({ state: place.state, repository: repository.id, host: snapshot.host }, options.level, options.rotate)
      : undefined;
    const whole = sample === 1 && options.rotate === undefined && options.mailbox.length === 0;
    const report = await verify({
      repository,
      snapshot,
      identities,
      level: options.level,
      scratch: resolve(options.scratch ?? (process.env['TMPDIR'] || '/var/tmp')),
      ...(options.mailbox.length > 0 ? { mailboxes: options.mailbox } : {}),
      sample,
      ...(options.rotate === undefined ? {} : { choose: book?.choose }),
      layoutOf: place.layoutOf,
      threads: await threadsOf(place.config),
      progress: context.progress,
      signal: context.signal,
    });
    const good = report.outcome === 'ok' || report.outcome === 'warning';
    const unkept = await book?.record(report.mailboxes, { good, whole });
    if (unkept !== undefined) findings.push(unkept);
    const { counts, rto, rpo } = report;
    const shown: Shown = { snapshot: snapshot.id, level: options.level, counts, rto, rpo };
    return {
      outcome: report.outcome === 'ok' && findings.length > 0 ? 'warning' : report.outcome,
      cause: 'damage',
      counts: { ...counts },
      findings: [...findings, ...report.findings],
      fields: {
        snapshot: snapshot.id,
        level: options.level,
        scope: counts.mailboxes < snapshot.counts.mailboxes ? 'part' : 'all',
        rto,
        rpo,
      },
      render: (text) => render(shown, text),
    };
  },
});

function sampleOf(text: string | undefined): number {
  if (text === undefined) return 1;
  const percent = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number(text.replace('%', '')) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new MailrecoverError('usage', `'${text}' is no share of the mailboxes`, { hint: 'such as --sample 10%' });
}

interface Shown {
  snapshot: string;
  level: string;
  counts: VerifyCounts;
  rto: { firstLoginMs?: number; completeMs: number };
  rpo: { newestMessage?: string };
}

function render({ snapshot, level, counts, rto, rpo }: Shown, text: TextHelpers): string {
  const wrong = counts.mismatched + counts.missing + counts.unexpected;
  const n = (value: number): string => text.number(value);
  const words = text.words.commands.verify;
  const { row } = words;
  const verdict =
    wrong === 0 ? text.green(words.proved) : text.red(words.wrong(n(counts.mismatched), n(counts.missing), n(counts.unexpected)));
  const rows: [string, string][] = [
    [text.words.report.snapshot, text.bold(snapshot.slice(0, 16))],
    [row.level(level), verdict],
    [row.compared, words.compared(n(counts.compared), counts.messages, counts.mailboxes)],
  ];
  if (rto.firstLoginMs !== undefined) rows.push([row.login, text.duration(rto.firstLoginMs)]);
  rows.push([row.restored, text.duration(rto.completeMs)]);
  if (rpo.newestMessage !== undefined) rows.push([row.newest, text.time(rpo.newestMessage)]);
  return text.pairs(rows);
}
