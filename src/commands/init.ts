import { describeCommand } from './types.ts';

export const init = describeCommand({
  name: 'init',
  summary: 'write a configuration and create the repository',
  description: [
    'Asks doveconf and postconf, where they exist, how mail is stored here, says what it found, writes a configuration and creates the repository. What is given as an option is not asked for. An existing configuration or repository is never overwritten.',
    'Without a recipient it makes an age key pair beside the configuration and prints a recovery sheet: print that, keep it away from this host, and confirm it with `mailrecover key confirm`.',
  ],
  arguments: {},
  options: {
    mail: {
      kind: 'list',
      value: 'PATTERN',
      description: 'where mailboxes lie, with the variables %u (user@domain), %n (user) and %d (domain)',
    },
    repository: { kind: 'text', value: 'PATH', description: 'the directory of the repository', complete: 'directory' },
    recipient: { kind: 'list', value: 'RECIPIENT', description: 'encrypt to this age recipient (age1…)' },
    noEncryption: { kind: 'flag', description: 'store mail readable by whoever reads the repository' },
    passphrase: { kind: 'flag', description: 'wrap the new private key in a passphrase that is asked for' },
    host: { kind: 'text', value: 'HOST', description: "the name of this host in snapshots; by default the system's host name" },
    dryRun: { kind: 'flag', description: 'say what would be written, and write nothing' },
  },
  examples: [
    { command: 'mailrecover init', says: 'Set up backups, answering what can not be found out.' },
    {
      command: "mailrecover init --mail '/var/vmail/%d/%n/Maildir' --repository /srv/backup/mail --recipient age1…",
      says: 'Set up backups from a script, encrypted to a key whose private half is kept elsewhere.',
    },
  ],
  exitCodes: {
    0: 'configuration and repository were made',
    1: 'they could not be written',
    20: 'there is a configuration or a repository already',
  },
  json: {
    config: 'the configuration file that was written',
    repository: 'the directory of the repository',
    recipients: 'to whom backups are encrypted',
    identity: 'the file of the private key, where one was made',
    hostKey: 'the public key with which this host signs its snapshots',
    'recoverScript.sha256': 'the hash of recover.sh in the repository',
    'stores[]': 'the mail stores, as they stand in the configuration',
    'found[]': 'what doveconf, postconf and the file system said',
  },
  recordsHistory: false,
});
