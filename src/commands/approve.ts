import { MailrecoverError } from '../errors/error.ts';
import { careOf, CARE_EXIT_CODES, lockUntilEnd, reasonOf } from './care.ts';
import { REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'approve',
  summary: 'say that a snapshot out of the ordinary is as it should be',
  description: [
    "A backup in which far more changed than usual is marked as out of the ordinary: mass deletion, many mailboxes gone, a storm of flags, bytes that changed under a known message, new files that are no mail. As long as nobody has looked at it, 'latest' passes over it and those after it, and forget, prune and erase are frozen. This writes a signed record that somebody looked and found it right, for this snapshot and those of its host before it that wait.",
    'A snapshot whose time is still to come is approved in the same way. SNAP is an id, or the beginning of one.',
  ],
  arguments: { snapshot: { value: 'SNAP', description: 'the snapshot that was looked at', required: true } },
  options: { reason: { kind: 'text', value: 'TEXT', description: 'what happened' }, ...REPOSITORY },
  examples: [
    { command: "mailrecover approve 5cbce0b012c9 --reason 'example.net moved away'", says: 'Go on after a planned removal of mailboxes.' },
  ],
  exitCodes: { 0: 'it is approved', 1: 'it is not approved', ...CARE_EXIT_CODES },
  json: { 'approved[]': 'the ids of the snapshots that this approved' },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const reason = reasonOf(options.reason);
    const care = await careOf(context, options);
    const [{ resolveSnapshot }, { listSnapshots }, { readDecisions }, { isHeldBack }, { writeRecord }] = await Promise.all([
      import('../repository/resolve.ts'),
      import('../repository/repository.ts'),
      import('../repository/retention/decisions.ts'),
      import('../repository/retention/freeze.ts'),
      import('../repository/care/record.ts'),
    ]);
    const { target } = care.place;
    if (/^latest|[^0-9a-f]/i.test(args.snapshot))
      throw new MailrecoverError('usage', 'a snapshot is approved by its id', { hint: "see which wait: 'mailrecover status'" });
    await lockUntilEnd(context, care, 'approve');
    const chosen = await resolveSnapshot(target, args.snapshot, { host: care.place.host });
    const { approvals } = await readDecisions(target, care.believed);
    const { snapshots } = await listSnapshots(target);
    const waiting = snapshots.filter(
      (each) =>
        each.key === chosen.key &&
        (each.id === chosen.id || (each.sequence < chosen.sequence && isHeldBack(each, approvals, care.believed))),
    );
    await writeRecord(
      target,
      care.author,
      'approve',
      { reason },
      waiting.map(({ id }) => ({ snapshot: id })),
    );
    return {
      outcome: 'ok',
      counts: { approved: waiting.length },
      fields: { approved: waiting.map(({ id }) => id) },
      render: (text) =>
        text.say`approved: ${waiting.map(({ id, time }) => text.say`${text.bold(id.slice(0, 12))} of ${text.time(time)}`).join(', ')}`,
    };
  },
});
