/** Everything that `init` decides before it writes anything. */
import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { refuseExisting } from '../../backup/create.ts';
import { configError, parseConfig } from '../../config/parse.ts';
import { sampleConfig } from '../../config/sample.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { generateIdentity, parseRecipient } from '../../repository/age/keys.ts';
import type { Target } from '../../repository/target.ts';
import { canonicalLocation } from '../../repository/targets/location.ts';
import { targetAt } from '../from-config.ts';
import type { CommandContext } from '../types.ts';
import { adviceFor } from './advice.ts';
import { repositorySettings } from './repository-options.ts';
import { askNewPassphrase } from './secrets.ts';
import { suggestSystem } from './server.ts';
import { chooseStores, type Store } from './stores.ts';

const DEFAULT_REPOSITORY = '/srv/backup/mail';

export interface InitOptions {
  mail: readonly string[];
  repository: string | undefined;
  repositoryOption: readonly string[];
  recipient: readonly string[];
  noEncryption: boolean;
  passphrase: boolean;
  host: string | undefined;
  state: string | undefined;
  dryRun: boolean;
}

export interface InitPlan {
  configPath: string;
  configText: string;
  repository: string;
  target: Target;
  host: string;
  stores: Store[];
  encrypted: boolean;
  /** `age1…`; empty where nothing is encrypted. */
  recipients: string[];
  /** The key pair to make; its file, its text, and the passphrase to wrap the file in. */
  identityFile?: string;
  secret?: string;
  passphrase?: string;
  says: string[];
  privilege: string[];
  findings: Finding[];
}

/**
 * Finds out and asks what there is to know.
 * @throws MailrecoverError `refused` where a configuration, a repository or a private key is there already, `usage`, `key`
 */
export async function planInit(context: CommandContext, options: InitOptions): Promise<InitPlan> {
  const configPath = resolve(context.configPath);
  if (existsSync(configPath)) {
    throw new MailrecoverError('refused', `there is a configuration at '${configPath}' already`, {
      hint: 'edit that one, or name another with --config FILE',
      subject: configPath,
    });
  }
  const ask = context.interactive
    ? (): Promise<string> => context.ask('where do mailboxes lie (such as /var/vmail/%d/%n/Maildir)? ')
    : undefined;
  const chosen = await chooseStores(options.mail, ask, context.signal);
  const repository = canonicalLocation(options.repository ?? (await askRepository(context)));
  const { values, settings } = repositorySettings(repository, options.repositoryOption);
  const target = await targetAt(context, repository, settings);
  await refuseExisting(target);
  await refuseOccupied(target);

  const recipients = [...new Set(options.recipient)].map((text) => parseRecipient(text).text);
  const encrypted = !options.noEncryption;
  const makesKey = encrypted && recipients.length === 0;
  const identityFile = join(dirname(configPath), 'identity.txt');
  if (makesKey && existsSync(identityFile)) {
    throw new MailrecoverError('refused', `there is a private key at '${identityFile}' already`, {
      hint: `encrypt to it with --recipient "$(age-keygen -y ${identityFile})", or move it away`,
      subject: identityFile,
    });
  }
  const isScript = options.mail.length > 0 && options.repository !== undefined;
  const wantsPassphrase = makesKey && !options.dryRun && (options.passphrase || (context.interactive && !isScript));
  const passphrase = wantsPassphrase ? await askNewPassphrase(context, options.passphrase) : undefined;
  const made = makesKey ? generateIdentity() : undefined;
  if (made !== undefined) recipients.push(made.identity.recipient.text);

  const state = options.state === undefined ? (process.geteuid?.() === 0 ? undefined : userState()) : resolve(options.state);
  const configText = sampleConfig({
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(state === undefined ? {} : { state }),
    stores: chosen.stores,
    repository: values,
    ...(encrypted ? { recipients } : { encryption: false }),
    ...(made === undefined ? {} : { identities: [`file:${identityFile}`] }),
  });
  const parsed = parseConfig(configText);
  if (parsed.config === undefined) throw configError(configPath, parsed.problems);
  const advice = await adviceFor(
    chosen.stores,
    { configDirectory: dirname(configPath), repository, state: parsed.config.state },
    context.signal,
  );
  // What holds passwords does not belong into a repository that everybody reads.
  const suggested = encrypted ? await suggestSystem(chosen.servers, options.mail.length === 0, context.signal) : [];
  return {
    configPath,
    configText,
    repository,
    target,
    host: options.host ?? hostname(),
    stores: parsed.config.stores,
    encrypted,
    recipients,
    ...(made === undefined ? {} : { identityFile, secret: made.secret, ...(passphrase === undefined ? {} : { passphrase }) }),
    says: [...chosen.says, ...advice.says, ...suggested.map(({ message, hint = '' }) => `${message}; ${hint}`)],
    privilege: advice.privilege,
    findings: [...chosen.findings, ...advice.findings, ...suggested, ...(encrypted ? [] : [inClear(repository)])],
  };
}

function inClear(repository: string): Finding {
  return {
    severity: 'warning',
    code: 'not-encrypted',
    message: `mail will lie readable in '${repository}'`,
    hint: 'guard the repository, and every copy of it, as you guard the mail itself',
    subject: repository,
  };
}

function userState(): string {
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'mailrecover');
}

async function askRepository(context: CommandContext): Promise<string> {
  if (!context.interactive)
    throw new MailrecoverError('usage', 'no place for the repository is named', {
      hint: 'name one with --repository REPOSITORY, on another disk than the mail or, better, on another host',
    });
  const answer = await context.ask(
    `where should the repository lie (a directory, sftp:user@host:/path or s3:https://host/bucket) [${DEFAULT_REPOSITORY}]? `,
  );
  return answer.trim() || DEFAULT_REPOSITORY;
}

/** A repository shares its place with nothing else. */
async function refuseOccupied(target: Target): Promise<void> {
  for await (const { path } of target.list('', { all: true })) {
    throw new MailrecoverError('refused', `'${target.location}' is not empty: it holds '${path}'`, {
      hint: 'name an empty place, or one that is not there yet',
      subject: target.location,
    });
  }
}
