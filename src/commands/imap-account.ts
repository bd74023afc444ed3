/** Accounts of IMAP servers, from the configuration. */
import type { StoreSource } from '../backup/mailboxes.ts';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import { suggest } from '../errors/suggest.ts';
import type { ImapAccount, ImapLogin } from '../store/imap/account.ts';
import type { CommandContext } from './types.ts';

/** The account of that name. @throws MailrecoverError `not-found` */
export async function imapAccount(context: CommandContext, name: string): Promise<ImapAccount> {
  const { accounts } = await context.config();
  const found = accounts.find((account) => account.name === name);
  if (found === undefined) {
    const names = accounts.map((account) => account.name);
    const meant = suggest(name, names);
    throw new MailrecoverError('not-found', `there is no account '${name}' in the configuration`, {
      hint:
        meant !== undefined ? `did you mean '${meant}'?` : names.length > 0 ? `there are: ${names.join(', ')}` : "add it under 'accounts'",
      subject: name,
    });
  }
  const { host, port, security, user, caFile } = found;
  const ca = caFile === undefined ? undefined : await readCa(caFile, name);
  return { name, host, port, security, user, ...(ca === undefined ? {} : { ca }), login: () => loginOf(context, found) };
}

type Account = Config['accounts'][number];

async function readCa(path: string, name: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new MailrecoverError('config', `the certificate authority of account '${name}' can not be read: '${path}'`, {
      hint: 'see that the file is there, and that this user may read it',
      subject: path,
      cause: error,
    });
  }
}

async function loginOf(context: CommandContext, { name, password, token, oauth }: Account): Promise<ImapLogin> {
  if (oauth !== undefined) {
    const [{ namedAccount, notifyOf }, { accessToken }] = await Promise.all([
      import('./notify-config.ts'),
      import('../notify/oauth/tokens.ts'),
    ]);
    const notify = await notifyOf(context);
    return { accessToken: (await accessToken(namedAccount(notify, oauth), 'imap', { state: notify.delivery.state })).token };
  }
  const { readSecret } = await import('../system/secret.ts');
  if (token !== undefined) return { accessToken: await readSecret(token, `the token of account '${name}'`) };
  return { pass: await readSecret(password ?? '', `the password of account '${name}'`) };
}

/** A store that is accounts of IMAP servers, as backups know it. */
export async function imapStore(
  context: CommandContext,
  name: string,
  { accounts, exclude }: NonNullable<Config['stores'][number]['imap']>,
): Promise<StoreSource> {
  const imap = await Promise.all(
    accounts.map(async (each) => {
      const account = await imapAccount(context, each);
      return { mailbox: account.user, source: { account, exclude } };
    }),
  );
  return { name, path: `imap: ${accounts.join(', ')}`, imap };
}
