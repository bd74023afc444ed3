import { MailrecoverError } from '../errors/error.ts';
import { careOf, CARE_EXIT_CODES, lockUntilEnd, reasonOf } from './care.ts';
import { REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'hold release',
  summary: 'end a hold',
  description: [
    'Writes a signed record that ends a hold. Both records stay in the repository. HOLD is the id that hold list shows, or its beginning.',
  ],
  arguments: { hold: { value: 'HOLD', description: 'which hold', required: true } },
  options: { reason: { kind: 'text', value: 'TEXT', description: 'why it ends' }, ...REPOSITORY },
  examples: [{ command: "mailrecover hold release 0b9f6d1c22aa --reason 'case closed'", says: 'End a hold.' }],
  exitCodes: { 0: 'it is released', 1: 'it is still held', ...CARE_EXIT_CODES },
  json: { hold: 'the id of the hold' },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const reason = reasonOf(options.reason);
    const care = await careOf(context, options);
    const [{ readDecisions }, { writeRecord }] = await Promise.all([
      import('../repository/retention/decisions.ts'),
      import('../repository/care/record.ts'),
    ]);
    await lockUntilEnd(context, care, 'hold release');
    const { holds } = await readDecisions(care.place.target, care.believed);
    const found = holds.filter(({ id }) => args.hold.length >= 4 && id.startsWith(args.hold.toLowerCase()));
    const [only] = found;
    if (only === undefined || found.length > 1)
      throw new MailrecoverError(
        only === undefined ? 'not-found' : 'ambiguous',
        `'${args.hold}' names ${only === undefined ? 'no' : 'more than one'} hold`,
        {
          hint: "list them: 'mailrecover hold list'",
          subject: args.hold,
        },
      );
    await writeRecord(care.place.target, care.author, 'release', { hold: only.id, reason });
    return { outcome: 'ok', fields: { hold: only.id }, render: (text) => text.say`released: ${only.id.slice(0, 12)} (${only.reason})` };
  },
});
