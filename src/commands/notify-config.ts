/** Accounts and ways of sending, as plain values, from the configuration. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import { suggest } from '../errors/suggest.ts';
import type { DeliveryOptions } from '../notify/deliver.ts';
import type { Account, GoogleAccount, MicrosoftAccount, Purpose } from '../notify/oauth/account.ts';
import type { Route } from '../notify/routes.ts';
import type { SmtpServer } from '../notify/smtp-send.ts';
import { ENGLISH, roughly, type Wording } from '../notify/wording.ts';
import type { Lang } from '../report/quantities.ts';
import type { CommandContext } from './types.ts';

type NotifyConfig = NonNullable<Config['notify']>;

export interface Notify {
  to: readonly string[];
  accounts: readonly Account[];
  delivery: DeliveryOptions;
  /** What tokens of an account are needed for: by the transports that use it, else the mail API. */
  purposesOf(account: Account): Purpose[];
}

/** Where PagerDuty takes events; accounts in the EU have an address of their own. */
const PAGERDUTY = 'https://events.pagerduty.com/v2/enqueue';

/** Bytes to set aside for the spool. */
export function reserveOf({ reserve }: NotifyConfig): number {
  return reserve * 1024 * 1024;
}

/** @throws MailrecoverError `config` where the configuration says nothing of it */
export async function notifyOf(context: CommandContext): Promise<Notify> {
  const config = await context.config();
  const { notify } = config;
  if (notify === undefined) {
    throw new MailrecoverError('config', "the configuration says nothing about 'notify'", {
      hint: 'see docs/oauth2-microsoft365.md and docs/oauth2-google.md for what to write',
      subject: context.configPath,
    });
  }
  const accounts = notify.accounts.map(accountOf);
  const { presetServer } = await import('../notify/transports/smtp-oauth2.ts');
  const routes = notify.transports.map((transport) => routeOf(transport, notify, accounts, config.state, presetServer));
  return {
    to: notify.to,
    accounts,
    delivery: {
      state: config.state,
      reserve: reserveOf(notify),
      routes,
      signal: context.signal,
      wording: await wordingIn(context.langAsked ?? config.report.lang ?? context.lang),
    },
    purposesOf(account) {
      const kinds = notify.transports.filter((transport) => transport.account === account.name).map(({ kind }) => kind);
      const files = notify.links.some((place) => place.account === account.name) ? (['files'] as const) : [];
      const purposes = [...new Set<Purpose>([...kinds.map((kind) => (kind === 'smtp-oauth2' ? 'smtp' : 'api')), ...files])];
      return purposes.length === 0 ? ['api'] : purposes;
    },
  };
}

/** Japanese mail says on its way, too, what it says in Japanese. */
async function wordingIn(lang: Lang): Promise<Wording> {
  if (lang === 'en') return ENGLISH;
  const [{ inLanguage }, { quantities }] = await Promise.all([import('../report/words/say.ts'), import('../report/quantities.ts')]);
  const { duration } = quantities(lang);
  return { say: (english) => inLanguage(lang, english), span: (milliseconds) => duration(roughly(milliseconds)) };
}

function accountOf(part: NotifyConfig['accounts'][number]): Account {
  const { name, mailbox, grant, caFile, endpoints, clientId, clientSecret } = part;
  const base = { name, mailbox, grant, caFile, endpoints, clientSecret };
  if (part.provider === 'google')
    return { ...base, provider: 'google', clientId, serviceAccount: part.serviceAccount } satisfies GoogleAccount;
  const { cloud, tenant = '', secretExpires, certificate, certificateKey, largeMail } = part;
  return {
    ...base,
    provider: 'microsoft',
    clientId: clientId ?? '',
    cloud,
    tenant,
    secretExpires,
    certificate,
    certificateKey,
    largeMail,
  } satisfies MicrosoftAccount;
}

function routeOf(
  transport: NotifyConfig['transports'][number],
  notify: NotifyConfig,
  accounts: readonly Account[],
  state: string,
  presetServer: (account: Account) => SmtpServer,
): Route {
  const { name, kind, host, user, password, caFile } = transport;
  // The schema has made sure that no other kind is opportunistic.
  const security = transport.security === 'opportunistic' ? 'none' : (transport.security ?? 'starttls');
  if (kind === 'webhook') {
    const { template = 'generic', url = PAGERDUTY, token, always } = transport;
    return { name, kind, options: { name, template, url, token, always, caFile } };
  }
  if (kind === 'mx') {
    const { from = notify.from ?? '', port = 25, ehlo, nameServers } = transport;
    const demanded = transport.security === 'tls' ? 'starttls' : (transport.security ?? 'opportunistic');
    return { name, kind, options: { from, port, security: demanded, ehlo, nameServers, caFile, stsCache: join(state, 'mta-sts') } };
  }
  const port = transport.port ?? { starttls: 587, tls: 465, none: 25 }[security];
  if (kind === 'smtp') {
    const from = transport.from ?? notify.from ?? '';
    return { name, kind, options: { from, host: host ?? '', port, security, user, password, caFile: transport.caFile } };
  }
  const account = accounts.find((each) => each.name === transport.account);
  // The schema has made sure of it.
  if (account === undefined) throw new MailrecoverError('bug', `transport '${name}' has no account`);
  const from = transport.from ?? account.mailbox;
  const tokens = { state };
  if (kind === 'graph' && account.provider === 'microsoft') return { name, kind, options: { account, from, tokens } };
  if (kind === 'gmail' && account.provider === 'google') return { name, kind, options: { account, from, tokens } };
  const preset = presetServer(account);
  const server = host === undefined ? { ...preset, ...(transport.port === undefined ? {} : { port }), security } : { host, port, security };
  return {
    name,
    kind: 'smtp-oauth2',
    options: { account, from, tokens, server: { ...server, caFile: transport.caFile ?? account.caFile } },
  };
}

/** The account of that name. @throws MailrecoverError `not-found` */
export function namedAccount(notify: Notify, name: string): Account {
  const account = notify.accounts.find((each) => each.name === name);
  if (account !== undefined) return account;
  const names = notify.accounts.map((each) => each.name);
  const meant = suggest(name, names);
  throw new MailrecoverError('not-found', `there is no account '${name}' in the configuration`, {
    hint: meant === undefined ? `the accounts are: ${names.join(', ') || 'none'}` : `did you mean '${meant}'?`,
    subject: name,
  });
}

/**
 * Whom to send to: those named, else those of the configuration. Webhooks alone need nobody.
 * @throws MailrecoverError `usage`
 */
export function recipientsOf(notify: Notify, named: readonly string[], routes: readonly Route[]): readonly string[] {
  const to = named.length > 0 ? named : notify.to;
  const wrong = to.find((address) => !/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(address));
  if (wrong !== undefined) throw new MailrecoverError('usage', `'${wrong}' is no address`, { hint: 'write it as admin@example.org' });
  if (to.length > 0 || routes.every(({ kind }) => kind === 'webhook')) return to;
  throw new MailrecoverError('usage', 'nobody is named to send to', {
    hint: "name somebody with --to ADDRESS, or as 'notify.to' in the configuration",
  });
}
