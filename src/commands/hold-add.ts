import { MailrecoverError } from '../errors/error.ts';
import { careOf, CARE_EXIT_CODES, lockUntilEnd, reasonOf } from './care.ts';
import { REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'hold add',
  summary: 'let nobody forget or erase a snapshot or a mailbox',
  description: [
    'Writes a signed record that holds a snapshot, or a mailbox in every snapshot, those to come included: forget keeps what is held, and erase refuses. Without an identity nobody can tell which snapshots hold a mailbox, so as long as a mailbox is held every snapshot stays; forget with --identity looks closer.',
    'The name of a mailbox is stored encrypted like the mail. The reason is stored in clear: name a case, not a person.',
    SNAPSHOT_FORMS,
  ],
  arguments: { snapshot: { value: 'SNAP', description: 'the snapshot to hold' } },
  options: {
    mailbox: { kind: 'text', value: 'MAILBOX', description: 'hold this mailbox in place of a snapshot' },
    reason: { kind: 'text', value: 'TEXT', description: 'why; everybody who can read the repository can read it' },
    host: { kind: 'text', value: 'HOST', description: "whose snapshots 'latest' and times mean; by default those of this host" },
    ...REPOSITORY,
  },
  examples: [
    { command: "mailrecover hold add 5cbce0b012c9 --reason 'case 2026-117'", says: 'Keep one snapshot, whatever the policy says.' },
    { command: "mailrecover hold add --mailbox alice@example.org --reason 'case 2026-117'", says: 'Keep all mail of one person.' },
  ],
  exitCodes: { 0: 'it is held', 1: 'it is not held', ...CARE_EXIT_CODES },
  json: {
    hold: 'the id of the hold, which `hold release` takes',
    snapshot: 'the snapshot that is held',
    mailbox: 'the mailbox that is held',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const reason = reasonOf(options.reason);
    if ((args.snapshot === undefined) === (options.mailbox === undefined))
      throw new MailrecoverError('usage', 'hold what: a snapshot, or a mailbox?', { hint: 'name a snapshot, or give --mailbox' });
    const care = await careOf(context, options);
    const { place, repository, author } = care;
    const { writeRecord } = await import('../repository/care/record.ts');
    // Nothing is being removed when it takes effect.
    await lockUntilEnd(context, care, 'hold add');
    if (options.mailbox !== undefined) {
      const [{ sealMailbox }, { parseRecipient }] = await Promise.all([
        import('../repository/retention/decisions.ts'),
        import('../repository/age/keys.ts'),
      ]);
      const recipients = repository.encrypted ? (place.config?.recipients ?? []).map((text) => parseRecipient(text)) : undefined;
      if (recipients?.length === 0)
        throw new MailrecoverError('config', 'no recipient is configured to whom the name of the mailbox could be encrypted');
      const { id } = await writeRecord(place.target, author, 'hold', { mailbox: sealMailbox(options.mailbox, recipients), reason });
      return {
        outcome: 'ok',
        fields: { hold: id, mailbox: options.mailbox },
        render: (text) => text.say`held: mailbox ${options.mailbox ?? ''}, and with it every snapshot; hold ${text.bold(id.slice(0, 12))}`,
      };
    }
    const { chooseSnapshot } = await import('./choose-snapshot.ts');
    const { snapshot, findings } = await chooseSnapshot({ ...place, host: options.host ?? place.host }, args.snapshot ?? '');
    const { id } = await writeRecord(place.target, author, 'hold', { snapshot: snapshot.id, reason });
    return {
      outcome: findings.some(({ severity }) => severity !== 'info') ? 'warning' : 'ok',
      findings,
      fields: { hold: id, snapshot: snapshot.id },
      render: (text) =>
        text.say`held: snapshot ${snapshot.id.slice(0, 12)} of ${text.time(snapshot.time)}; hold ${text.bold(id.slice(0, 12))}`,
    };
  },
});
