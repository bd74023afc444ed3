import { trustedKeys } from './care.ts';
import { identitiesOf, placeOf } from './from-config.ts';
import { IDENTITY, READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'hold list',
  summary: 'list what is held',
  description: [
    'Lists the holds of a repository, whose they are and why. The names of mailboxes are shown where an identity can read them.',
  ],
  arguments: {},
  options: { ...IDENTITY, ...REPOSITORY },
  examples: [{ command: 'mailrecover hold list', says: 'See what forget and erase must leave alone.' }],
  exitCodes: {
    0: 'the holds were listed',
    1: 'they could not be read',
    ...READING_EXIT_CODES,
    12: 'no identity fits, or it could not be read',
  },
  json: {
    'holds[].{id,host,time,reason}': 'each hold, and who made it',
    'holds[].snapshot': 'the snapshot that is held',
    'holds[].mailbox': 'the mailbox that is held; absent where no identity can read it',
    'counts.holds': 'how many there are',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const place = await placeOf(context, options);
    const [{ openRepository }, { readDecisions, unsealMailbox }, { MailrecoverError }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../repository/retention/decisions.ts'),
      import('../errors/error.ts'),
    ]);
    const repository = await openRepository(place.target);
    const { holds } = await readDecisions(place.target, await trustedKeys(place));
    const reading = !repository.encrypted || options.identity.length > 0;
    const identities = reading ? await identitiesOf(context, place, repository, options.identity) : undefined;
    const rows = holds.map(({ sealed, ...hold }) => {
      let mailbox: string | undefined;
      try {
        if (sealed !== undefined && reading) mailbox = unsealMailbox(sealed, identities, hold.id);
      } catch (error) {
        if (!(error instanceof MailrecoverError)) throw error;
      }
      return { ...hold, ...(mailbox === undefined ? {} : { mailbox }) };
    });
    return {
      outcome: 'ok',
      counts: { holds: rows.length },
      fields: { holds: rows },
      render: (text) =>
        rows.length === 0
          ? text.say`nothing is held`
          : text.table(
              rows.map(({ id, snapshot, mailbox, reason, host, time }) => [
                text.bold(id.slice(0, 12)),
                snapshot === undefined
                  ? (mailbox ?? text.say`a mailbox (with --identity: which)`)
                  : text.say`snapshot ${snapshot.slice(0, 12)}`,
                text.time(time),
                host,
                reason,
              ]),
              { head: [text.say`hold`, text.say`holds`, text.say`since`, text.say`by`, text.say`reason`] },
            ),
    };
  },
});
