/** Services of the configuration, as the engine knows them. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Account } from '../../notify/oauth/account.ts';
import { KNOWN_LIMITS } from '../../standby/cloud/limits.ts';
import type { CloudService } from '../../standby/cloud/service.ts';
import type { ImapLogin } from '../../store/imap/account.ts';
import { now } from '../../system/clock.ts';
import type { CommandContext } from '../types.ts';
import { pairOf } from './pair.ts';

export type CloudConfig = ReturnType<typeof pairOf>['clouds'][number];

/** The service of that name, or undefined. */
export function cloudNamed(config: Config, name: string): CloudConfig | undefined {
  return pairOf(config).clouds.find((each) => each.name === name);
}

const IMAP_HOST = { microsoft: 'outlook.office365.com', google: 'imap.gmail.com', imap: '' };

/** @throws MailrecoverError `config` where its account does not fit; `key`, `io` */
export async function cloudService(context: CommandContext, part: CloudConfig): Promise<CloudService> {
  const { name, kind, smtp, caFile, first } = part;
  const imap = { ...part.imap, host: part.imap.host ?? IMAP_HOST[kind] };
  const ca = caFile === undefined ? undefined : await readCa(caFile);
  const login = kind === 'imap' ? await passwordsOf(part) : await tokensOf(context, part);
  const { limits } = part;
  const known = KNOWN_LIMITS[part.fill === 'gmail' ? 'google-import' : kind];
  return {
    name,
    kind,
    smtp,
    ca,
    first,
    ...(login.users === undefined ? {} : { users: login.users }),
    ...(login.gmail === undefined || part.fill !== 'gmail' ? {} : { gmail: login.gmail }),
    limits: {
      message: limits.message ?? known.message,
      day: limits.day ?? known.day,
      hour: limits.hour ?? known.hour,
      perSecond: limits.perSecond ?? known.perSecond,
      atOnce: limits.atOnce ?? known.atOnce,
    },
    account: (mailbox) => ({
      name: `${name}: ${mailbox}`,
      host: imap.host,
      port: imap.port,
      security: imap.security,
      user: part.user.replaceAll('{mailbox}', mailbox),
      ...(ca === undefined ? {} : { ca }),
      login: () => login.of(mailbox),
    }),
  };
}

async function readCa(path: string): Promise<string> {
  const [{ readFile }, { ioError }] = await Promise.all([import('node:fs/promises'), import('../../errors/error.ts')]);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}

interface Logins {
  of(mailbox: string): Promise<ImapLogin>;
  users?: CloudService['users'];
  gmail?: CloudService['gmail'];
}

async function passwordsOf({ name, password, passwords }: CloudConfig): Promise<Logins> {
  const { readSecret } = await import('../../system/secret.ts');
  // Asked for when it is needed: a plan is made without it.
  if (password !== undefined)
    return { of: async () => ({ pass: await readSecret(password, `the password of all mailboxes of '${name}'`) }) };
  return {
    async of(mailbox) {
      const text = await readSecret(passwords ?? '', `the passwords of mailboxes of '${name}'`);
      const line = text.split('\n').find((each) => each.startsWith(`${mailbox} `) || each.startsWith(`${mailbox}\t`));
      if (line !== undefined) return { pass: line.slice(mailbox.length + 1).replace(/\r$/, '') };
      throw new MailrecoverError('key', `there is no password of '${mailbox}' at '${name}'`, {
        hint: `add a line for it to what 'passwords' of '${name}' names`,
        subject: mailbox,
      });
    },
  };
}

/** A token that is kept does not have the rights that were granted since: it is good for an hour. */
async function withNewRights<T>(ask: (fresh: { fresh?: true }) => Promise<T>): Promise<T> {
  const { Refused } = await import('../../notify/refusal.ts');
  try {
    return await ask({});
  } catch (error) {
    if (error instanceof Refused && ['consent', 'scope'].includes(error.refusal.code)) return ask({ fresh: true });
    throw error;
  }
}

/** A token that ends sooner is not handed out. */
const MARGIN_MS = 5 * 60_000;

async function tokensOf(context: CommandContext, part: CloudConfig): Promise<Logins> {
  const [{ namedAccount, notifyOf }, { accessToken, providerOf }] = await Promise.all([
    import('../notify-config.ts'),
    import('../../notify/oauth/tokens.ts'),
  ]);
  const notify = await notifyOf(context);
  const account = namedAccount(notify, part.account ?? '');
  if (account.provider !== part.kind || account.grant !== 'application')
    throw new MailrecoverError('config', `account '${account.name}' can not open the mailboxes of '${part.name}'`, {
      hint: `it must be an account at ${part.kind} with 'grant: application'`,
      subject: account.name,
    });
  const tokens = { state: notify.delivery.state };
  if (account.provider === 'microsoft') {
    const { microsoftUsers } = await import('../../notify/directory/microsoft.ts');
    return {
      users: (signal) => withNewRights((fresh) => microsoftUsers(account, { ...tokens, ...fresh }, signal)),
      // The one token of the application opens every mailbox that Exchange lets it into (IMAP.AccessAsApp).
      of: async () => ({ accessToken: (await accessToken(account, 'imap', tokens)).token }),
    };
  }
  const [{ googleUsers }, { openGoogle }, { GMAIL_IMPORT_REFUSALS }] = await Promise.all([
    import('../../notify/directory/google.ts'),
    import('../../notify/google-rest.ts'),
    import('../../notify/refusals/gmail-import.ts'),
  ]);
  // A token for each mailbox, in memory alone: the service account acts for each of its users.
  const kept = new Map<string, { token: string; expiresAt: number }>();
  const tokenFor = async (mailbox: string, fresh: boolean): Promise<string> => {
    const held = kept.get(mailbox);
    if (!fresh && held !== undefined && held.expiresAt - now() > MARGIN_MS) return held.token;
    const acting: Account = { ...account, mailbox };
    const { accessToken: token, expiresAt } = await providerOf(acting).application(acting, 'imap');
    kept.set(mailbox, { token, expiresAt });
    return token;
  };
  return {
    users: (signal) => withNewRights((fresh) => googleUsers(account, { ...tokens, ...fresh }, signal)),
    of: async (mailbox) => ({ accessToken: await tokenFor(mailbox, false) }),
    gmail: (mailbox, signal) =>
      openGoogle({
        account,
        root: 'https://gmail.googleapis.com',
        token: (fresh) => tokenFor(mailbox, fresh),
        known: GMAIL_IMPORT_REFUSALS,
        signal,
      }),
  };
}
