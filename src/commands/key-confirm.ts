import { MailrecoverError } from '../errors/error.ts';
import { placeOf } from './from-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'key confirm',
  summary: 'prove that the private key was written down, and take it off this host',
  description: [
    'Asks for a part of the private key, to be typed from the recovery sheet. When it is right, the key counts as confirmed, and the private half that init left on this host is removed after a question. Until then status warns.',
  ],
  arguments: {},
  options: {
    keep: { kind: 'flag', description: 'leave the private key on this host; status warns as long as it lies there bare' },
  },
  examples: [{ command: 'mailrecover key confirm', says: 'Confirm the key from the printed recovery sheet.' }],
  exitCodes: { 0: 'the key is confirmed', 1: 'what was typed is not the key', 12: 'there is no key to confirm' },
  json: { confirmed: 'whether the key is confirmed', removed: 'the files that were removed' },
  recordsHistory: true,
  publishesHistory: true,
  async run(context, _args, { keep }): Promise<CommandResult> {
    const place = await placeOf(context);
    const [{ openRepository }, { readFacts, writeFacts }, { isoNow }, { proveKey, removeBare }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../backup/recovery-facts.ts'),
      import('../system/clock.ts'),
      import('./key-confirm/prove.ts'),
    ]);
    const { id } = await openRepository(place.target);
    const facts = await readFacts(place.keysRoot, { id, location: place.target.location });
    if (facts?.made === undefined) {
      throw new MailrecoverError('key', 'no private key was made on this host, so there is none to confirm', {
        hint: 'whoever gave the recipient keeps its private half',
      });
    }
    await proveKey(context, facts.made);
    await writeFacts(place.keysRoot, { ...facts, confirmed: isoNow() });
    const { removed, left } = await removeBare(context, facts.made, keep);
    return {
      outcome: left === undefined ? 'ok' : 'warning',
      findings: left === undefined ? [] : [left],
      fields: { confirmed: true, removed },
      render: (text) => [text.green(text.say`confirmed`), ...removed.map((file) => text.say`removed ${file}`)].join('\n'),
    };
  },
});
