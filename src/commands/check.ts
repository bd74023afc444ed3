import { RELEASED } from '../repository/recover/released.ts';
import type { CheckReport } from '../repository/check/check.ts';
import type { Identity } from '../repository/age/keys.ts';
import { identityFiles, isOwnRepository, placeOf, type Place } from './from-config.ts';
import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'check',
  summary: 'check that the stored objects are sound and complete',
  description: [
    'Checks that every object that a snapshot needs is there with its size, that hashes, signatures and chains of snapshots hold, and that recover.sh is the one that was put there; with --read-data also the hash of every object. It needs no key. With an identity it also reads the catalogs, and names the mailboxes and messages that a damaged object costs; with both it decodes every message and compares its hash.',
    'Whether mail comes back is what verify asks.',
  ],
  arguments: {},
  options: {
    readData: { kind: 'flag', description: 'read every object and compare its hash' },
    identity: {
      kind: 'list',
      value: 'FILE',
      description: 'an age identity file, to name what damage costs',
      env: 'MAILRECOVER_IDENTITY',
      complete: 'file',
    },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover check --quiet', says: 'Check every night, from cron.' },
    { command: 'mailrecover check --read-data --identity key.txt', says: 'Read and decode everything, and name what damage costs.' },
  ],
  exitCodes: {
    0: 'all objects are sound',
    1: 'the check failed',
    ...READING_EXIT_CODES,
    4: 'objects are missing, damaged or forged',
    12: 'no identity fits, or it could not be read',
  },
  json: {
    snapshots: 'how many sound snapshots there are',
    'counts.objects': 'objects that were checked',
    'counts.damaged': 'objects that are damaged',
    'counts.missing': 'objects that are missing',
    'findings[]': 'every damaged object (`subject`), and with an identity the mailboxes and messages that it costs',
    'lost[].{object,store,mailbox,folder,message,name,inNewest}':
      'with an identity: each message or file that damage costs, and the object that is to blame',
  },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const place = await placeOf(context, options);
    const report = await check(context, place, options);
    const { outcome, counts, findings, lost, snapshots } = report;
    return { outcome, counts, findings, fields: { snapshots, lost }, render: (text) => render(report, options.readData, text) };
  },
});

async function check(
  context: CommandContext,
  place: Place,
  options: { readData: boolean; identity: readonly string[] },
): Promise<CheckReport> {
  const [{ checkRepository }, { openRepository }, { readKnown }, { rescueFiles }, { MailrecoverError }, { folderName }, { displayBytes }] =
    await Promise.all([
      import('../repository/check/check.ts'),
      import('../repository/repository.ts'),
      import('../backup/known.ts'),
      import('../repository/recover/files.ts'),
      import('../errors/error.ts'),
      import('../store/maildir/layout.ts'),
      import('../store/bytes.ts'),
    ]);
  const repository = await openRepository(place.target).catch((error: unknown) => {
    // A damaged marker is a finding, not the end of the check.
    if (error instanceof MailrecoverError && (error.code === 'damage' || error.code === 'no-repository')) return undefined;
    throw error;
  });
  const known = await readKnown(place.keysRoot, place.state, { id: repository?.id, location: place.target.location });
  const { state, facts } = known;
  const rescue = await rescueFiles();
  return checkRepository({
    target: place.target,
    readData: options.readData,
    identities: repository?.encrypted === false ? undefined : await identities(context, place, options.identity),
    decode: options.identity.length > 0,
    known: {
      key: known.key,
      host: known.key === undefined ? undefined : place.host,
      secret: known.secret,
      last:
        state?.snapshot === undefined || !(await isOwnRepository(context, place))
          ? undefined
          : { sequence: state.sequence, id: state.snapshot },
      marker: facts?.marker,
    },
    trust: place.trust,
    rescue: { shipped: new Map(rescue.map(({ name, sha256 }) => [name, sha256])), onSheet: facts?.recoverScript, released: RELEASED },
    nameFolder: (store, dir) => folderName(dir, place.layoutOf(store)) ?? displayBytes(dir),
    progress: context.progress,
    signal: context.signal,
  });
}

/** The identities that are named; else those of the configuration that ask for no passphrase, since a check needs none. */
async function identities(context: CommandContext, place: Place, named: readonly string[]): Promise<readonly Identity[]> {
  if (named.length > 0) return identityFiles(context, named);
  const { identityFileState } = await import('../repository/age/identity-file.ts');
  const files = (place.config?.identities ?? []).map((reference) => reference.slice('file:'.length));
  const bare = files.filter((file) => identityFileState(file) === 'bare');
  return identityFiles(context, bare).catch(() => []);
}

function render({ counts, snapshots }: CheckReport, readData: boolean, text: TextHelpers): string {
  const sound = counts.damaged + counts.missing === 0;
  const words = text.words.commands.check;
  const { row } = words;
  const objects = text.number(counts.objects);
  return text.pairs([
    [row.snapshots, text.number(snapshots)],
    [row.objects, readData ? words.allRead(objects) : words.byName(objects)],
    [row.state, sound ? text.green(words.sound) : text.red(words.wrong(text.number(counts.damaged), text.number(counts.missing)))],
  ]);
}
