import { IDENTITY, IDENTITY_EXIT_CODES } from './shared.ts';
import { describeCommand } from './types.ts';

const JSON_FIELDS = { recipients: 'to whom backups are encrypted from now on' };

export const keyAdd = describeCommand({
  name: 'key add',
  summary: 'encrypt to one more recipient',
  description: [
    'Adds an age recipient to the configuration and wraps the dedup secret for it. What is stored from now on is encrypted to it too; what was stored before is not.',
  ],
  arguments: { recipient: { value: 'RECIPIENT', description: 'the age recipient (age1…)', required: true } },
  options: { ...IDENTITY },
  examples: [{ command: 'mailrecover key add age1…', says: 'Let a second person read backups.' }],
  exitCodes: { 0: 'the recipient was added', 1: 'it could not be added', ...IDENTITY_EXIT_CODES },
  json: JSON_FIELDS,
  recordsHistory: true,
});

export const keyRevoke = describeCommand({
  name: 'key revoke',
  summary: 'encrypt no longer to a recipient',
  description: [
    'Removes an age recipient from the configuration. What is stored from now on can not be read with its identity; what was stored before still can. The last recipient can not be removed.',
  ],
  arguments: { recipient: { value: 'RECIPIENT', description: 'the age recipient (age1…)', required: true } },
  options: { ...IDENTITY },
  examples: [{ command: 'mailrecover key revoke age1…', says: 'Stop encrypting to a key that was lost or stolen.' }],
  exitCodes: { 0: 'the recipient was removed', 1: 'it could not be removed', ...IDENTITY_EXIT_CODES },
  json: JSON_FIELDS,
  recordsHistory: true,
});

export const keyConfirm = describeCommand({
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
  json: { confirmed: 'whether the key is confirmed', removed: 'the file that was removed, if any' },
  recordsHistory: true,
});
