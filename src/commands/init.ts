import type { Finding } from '../errors/finding.ts';
import { MailrecoverError } from '../errors/error.ts';
import { tell } from '../report/text/tell.ts';
import { planInit, type InitPlan } from './init/plan.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
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
    repository: {
      kind: 'text',
      value: 'REPOSITORY',
      description: 'where the repository will lie: a directory, sftp:user@host:/path or s3:https://host/bucket/prefix',
      complete: 'directory',
    },
    repositoryOption: {
      kind: 'list',
      value: 'KEY=VALUE',
      description: 'a setting of the repository, as it stands in the configuration: sftp.key=file:/etc/mailrecover/ssh_key',
    },
    recipient: { kind: 'list', value: 'RECIPIENT', description: 'encrypt to this age recipient (age1…)' },
    noEncryption: { kind: 'flag', description: 'store mail readable by whoever reads the repository' },
    passphrase: { kind: 'flag', description: 'wrap the new private key in a passphrase that is asked for' },
    host: { kind: 'text', value: 'HOST', description: "the name of this host in snapshots; by default the system's host name" },
    state: {
      kind: 'text',
      value: 'DIR',
      description: 'the directory for local state; by default /var/lib/mailrecover',
      complete: 'directory',
    },
    dryRun: { kind: 'flag', description: 'say what would be written, and write nothing' },
  },
  examples: [
    { command: 'mailrecover init', says: 'Set up backups, answering what can not be found out.' },
    {
      command: "mailrecover init --mail '/var/vmail/%d/%n/Maildir' --repository /srv/backup/mail --recipient age1…",
      says: 'Set up backups from a script, encrypted to a key whose private half is kept elsewhere.',
    },
    {
      command:
        'mailrecover init --repository sftp:backup@vault.example.org:mail --repository-option sftp.key=file:/etc/mailrecover/ssh_key',
      says: 'Keep the backups on another host.',
    },
  ],
  exitCodes: {
    0: 'configuration and repository were made',
    1: 'they could not be written',
    12: 'a recipient is not one, or a server does not let this host in',
    13: 'a server can not be reached',
    20: 'there is a configuration or a repository already',
  },
  json: {
    config: 'the configuration file that was written',
    repository: 'the place of the repository',
    recipients: 'to whom backups are encrypted',
    identity: 'the file of the private key, where one was made',
    sheet: 'the file of the recovery sheet',
    hostKey: 'the public key with which this host signs its snapshots',
    'recoverScript.sha256': 'the hash of recover.sh in the repository',
    'stores[]': 'the mail stores, as they stand in the configuration',
    'found[]': 'what doveconf, postconf and the file system said',
    'privilege[]': 'how to run backups without being root, where that serves',
    configText: 'the configuration that would be written, with --dry-run',
  },
  recordsHistory: false,
  async run(context, _args, options): Promise<CommandResult> {
    if (options.noEncryption && (options.recipient.length > 0 || options.passphrase))
      throw new MailrecoverError('usage', `--no-encryption and --${options.passphrase ? 'passphrase' : 'recipient'} exclude each other`);
    const plan = await planInit(context, options);
    const base = { stores: plan.stores, found: plan.says, privilege: plan.privilege, config: plan.configPath, repository: plan.repository };
    const outcome = plan.findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok';
    if (options.dryRun) {
      const fields = {
        ...base,
        recipients: plan.identityFile === undefined ? plan.recipients : [],
        dryRun: true,
        configText: plan.configText,
      };
      return { outcome, findings: plan.findings, fields, render: (text) => renderPlan(plan, text) };
    }
    const { carryOut } = await import('./init/carry-out.ts');
    const { created, sheetText, sheetFile } = await carryOut(plan);
    const { identityFile } = plan;
    return {
      outcome,
      findings: [...plan.findings, ...(plan.target.findings?.() ?? []), ...keyFindings(plan)],
      artifacts: [
        { kind: 'config', path: plan.configPath },
        { kind: 'repository', path: plan.repository },
        { kind: 'recovery-sheet', path: sheetFile },
        ...(identityFile === undefined ? [] : [{ kind: 'identity', path: identityFile }]),
      ],
      fields: {
        ...base,
        recipients: plan.recipients,
        ...(identityFile === undefined ? {} : { identity: identityFile }),
        sheet: sheetFile,
        hostKey: created.hostKey,
        recoverScript: { sha256: created.recoverScript },
      },
      render: (text) => renderDone(plan, { sheetText: context.quiet ? undefined : sheetText, sheetFile }, text),
    };
  },
});

function keyFindings({ identityFile }: InitPlan): Finding[] {
  if (identityFile === undefined) return [];
  return [
    {
      severity: 'info',
      code: 'key-unconfirmed',
      message: `the private key lies in '${identityFile}' until the recovery sheet is confirmed`,
      hint: 'print the sheet, keep it away from this host, then: mailrecover key confirm',
      subject: identityFile,
    },
  ];
}

function renderPlan(plan: InitPlan, text: TextHelpers): string {
  return [
    ...plan.says.map((line) => text.say`found: ${tell(line, text)}`),
    '',
    text.bold(text.say`would write ${plan.configPath}:`),
    '',
    plan.configText,
    text.say`would make the repository ${plan.repository}`,
    ...(plan.identityFile === undefined
      ? []
      : [
          text.say`would make a key pair and put its public half in place of the recipient above, its private half into ${plan.identityFile}`,
        ]),
  ].join('\n');
}

interface Done {
  /** Holds the private key; undefined where it is not to be printed. */
  sheetText: string | undefined;
  sheetFile: string;
}

function renderDone(plan: InitPlan, { sheetText, sheetFile }: Done, text: TextHelpers): string {
  const { identityFile } = plan;
  const rows: [string, string][] = [
    [text.say`configuration`, plan.configPath],
    [text.say`repository`, plan.repository],
    [
      text.say`encryption`,
      plan.recipients.length === 0
        ? text.yellow(text.say`none`)
        : text.say`to ${plan.recipients.length} recipient${plan.recipients.length === 1 ? '' : 's'}`,
    ],
    ...(identityFile === undefined ? [] : [[text.say`private key`, identityFile] as [string, string]]),
    [text.say`recovery sheet`, sheetText === undefined ? sheetFile : text.say`below, and in ${sheetFile}`],
  ];
  const next = [
    text.bold(text.say`next`),
    text.say`  mailrecover backup`,
    ...(identityFile === undefined ? [] : [text.say`  print the sheet, keep it away from this host, then: mailrecover key confirm`]),
  ];
  const line = text.dim('-'.repeat(80));
  return [
    ...plan.says.map((said) => text.say`found: ${tell(said, text)}`),
    '',
    text.pairs(rows),
    '',
    ...(sheetText === undefined ? [] : [line, sheetText.trimEnd(), line, '']),
    ...next,
    ...(plan.privilege.length > 0 ? ['', ...plan.privilege] : []),
  ].join('\n');
}
