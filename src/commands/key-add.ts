import { changeRecipients, KEY_JSON } from './key-change.ts';
import { IDENTITY, IDENTITY_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'key add',
  summary: 'encrypt to one more recipient',
  description: [
    'Adds an age recipient to the configuration and wraps the dedup secret for it. What is stored from now on is encrypted to it too; what was stored before is not, and keeps needing one of the identities it was encrypted to.',
    'An identity is needed only where the repository holds dedup secrets that this host does not have.',
  ],
  arguments: { recipient: { value: 'RECIPIENT', description: 'the age recipient (age1…)', required: true } },
  options: { ...IDENTITY },
  examples: [{ command: 'mailrecover key add age1…', says: 'Let a second person read backups.' }],
  exitCodes: { 0: 'the recipient was added', 1: 'it could not be added', ...IDENTITY_EXIT_CODES },
  json: KEY_JSON,
  recordsHistory: true,
  publishesHistory: true,
  async run(context, { recipient }, { identity }): Promise<CommandResult> {
    const { recipients, changed } = await changeRecipients(context, identity, (before) =>
      before.includes(recipient) ? [...before] : [...before, recipient],
    );
    return {
      outcome: 'ok',
      counts: { recipients: recipients.length },
      fields: { recipients },
      render: (text) =>
        [
          changed
            ? `${text.green(text.say`added`)} ${recipient}`
            : text.say`${recipient} was a recipient already; the dedup secret was wrapped anew`,
          text.say`What is stored from now on can be read with its identity, too. What was stored before can not:`,
          text.say`keep the identities that read it.`,
        ].join('\n'),
    };
  },
});
