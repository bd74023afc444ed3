import { placeOf } from './from-config.ts';
import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'recover-script',
  summary: 'print recover.sh, which restores without mailrecover',
  description: [
    'Prints the script that restores any snapshot with a POSIX shell, awk, tar, zstd, age and sha256sum. It also lies in each repository; with --write it is put there again, should it be missing or changed.',
  ],
  arguments: {},
  options: {
    write: { kind: 'flag', description: 'write it, and RECOVER.md, into the repository in place of printing it' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover recover-script > recover.sh', says: 'Keep a copy away from the repository.' },
    { command: 'mailrecover recover-script --write', says: 'Put back a script that check found changed.' },
  ],
  exitCodes: { 0: 'the script was printed or written', 1: 'it could not be written', ...READING_EXIT_CODES },
  json: { sha256: 'the hash of the script', script: 'the script, unless it was written', path: 'where it was written' },
  async run(context, _args, options): Promise<CommandResult> {
    const { RECOVER_SCRIPT, rescueFile, rescueFiles } = await import('../repository/recover/files.ts');
    const script = await rescueFile(RECOVER_SCRIPT);
    const { sha256 } = script;
    if (!options.write) return { outcome: 'ok', fields: { sha256, script: script.text }, output: script.text };

    const place = await placeOf(context, options);
    const [{ openRepository }, { readFacts, writeFacts }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../backup/recovery-facts.ts'),
    ]);
    const { id } = await openRepository(place.target);
    const { location } = place.target;
    for (const { name, text } of await rescueFiles()) await place.target.put(name, Buffer.from(text));
    const facts = await readFacts(place.keysRoot, { id, location });
    const isNew = facts !== undefined && facts.recoverScript !== sha256;
    if (isNew) await writeFacts(place.keysRoot, { ...facts, recoverScript: sha256 });
    const path = `${location}/${RECOVER_SCRIPT}`;
    return {
      outcome: isNew ? 'warning' : 'ok',
      findings: isNew
        ? [
            {
              severity: 'warning',
              code: 'sheet-outdated',
              message: `the SHA-256 of recover.sh on the recovery sheet is no longer right; write there: ${sha256}`,
              subject: path,
            },
          ]
        : [],
      artifacts: [{ kind: 'recover-script', path }],
      fields: { sha256, path },
      render: (text) =>
        text.pairs([
          [text.say`written`, path],
          ['sha256', sha256],
        ]),
    };
  },
});
