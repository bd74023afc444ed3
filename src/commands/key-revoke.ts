import { MailrecoverError } from '../errors/error.ts';
import { changeRecipients, KEY_JSON } from './key-change.ts';
import { IDENTITY, IDENTITY_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'key revoke',
  summary: 'encrypt no longer to a recipient',
  description: [
    'Removes an age recipient from the configuration. What is stored from now on can not be read with its identity; what was stored before still can, by whoever gets at the repository. The last recipient can not be removed.',
    'An identity is needed only where the repository holds dedup secrets that this host does not have.',
  ],
  arguments: { recipient: { value: 'RECIPIENT', description: 'the age recipient (age1…)', required: true } },
  options: { ...IDENTITY },
  examples: [{ command: 'mailrecover key revoke age1…', says: 'Stop encrypting to a key that was lost or stolen.' }],
  exitCodes: { 0: 'the recipient was removed', 1: 'it could not be removed', ...IDENTITY_EXIT_CODES },
  json: KEY_JSON,
  recordsHistory: true,
  publishesHistory: true,
  async run(context, { recipient }, { identity }): Promise<CommandResult> {
    const { recipients } = await changeRecipients(context, identity, (before) => without(before, recipient));
    return {
      outcome: 'ok',
      counts: { recipients: recipients.length },
      fields: { recipients },
      render: (text) =>
        [
          `${text.green(text.say`revoked`)} ${recipient}`,
          text.say`What is stored from now on can not be read with its identity. What was stored before still can, and it may know the dedup secret,`,
          text.say`which reads no mail. If the key is in wrong hands: keep them away from this repository, and begin a new one.`,
        ].join('\n'),
    };
  },
});

function without(before: readonly string[], recipient: string): string[] {
  if (!before.includes(recipient)) {
    throw new MailrecoverError('not-found', `'${recipient}' is not among the recipients`, {
      hint: `there are: ${before.join(', ')}`,
      subject: recipient,
    });
  }
  const after = before.filter((each) => each !== recipient);
  if (after.length > 0) return after;
  throw new MailrecoverError('refused', 'the last recipient can not be revoked: nobody could read what is stored', {
    hint: "add another one first: 'mailrecover key add RECIPIENT'",
    subject: recipient,
  });
}
