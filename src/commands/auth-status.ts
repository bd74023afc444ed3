import type { Finding } from '../errors/finding.ts';
import type { Account, Purpose } from '../notify/oauth/account.ts';
import type { AccountState, Death } from '../notify/oauth/expiry.ts';
import { notifyOf, type Notify } from './notify-config.ts';
import { tell } from '../report/text/tell.ts';
import { defineCommand, type CommandResult } from './types.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

export default defineCommand({
  name: 'auth status',
  summary: 'see which accounts can send, and when what they need will end',
  description: [
    `Looks at what lies on this host and asks nobody: which accounts there are, whether somebody has signed in, and when a secret, a certificate or an unused login ends. It warns ${SOON_DAYS} days before. For service accounts at Google it shows what to enter in the admin console.`,
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover auth status', says: 'See what ends soon.' }],
  exitCodes: {
    0: 'all accounts can send, perhaps with warnings',
    12: 'an account can not send: something ended, is missing or needs a login',
  },
  json: {
    accounts: 'the accounts',
    'accounts[].name': 'what it is called',
    'accounts[].provider': 'microsoft or google',
    'accounts[].grant': 'application or delegated',
    'accounts[].mailbox': 'the mailbox that sends',
    'accounts[].ready': 'whether everything that it needs lies here',
    'accounts[].loginAt': 'when somebody signed in',
    'accounts[].usedAt': 'when the login was last used',
    'accounts[].ends[].{what,at,days}': 'what ends when: client secret, certificate or login',
    'accounts[].delegation.{clientId,scopes}': 'what domain-wide delegation must allow, for a service account at Google',
  },
  async run(context): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const [{ accountState }, { isoTime, now }] = await Promise.all([import('../notify/oauth/expiry.ts'), import('../system/clock.ts')]);
    const accounts: Record<string, unknown>[] = [];
    const findings: Finding[] = [];
    const rows: { account: Account; state: AccountState; delegation: Delegation | undefined }[] = [];
    const days = (death: Death): number => Math.floor((death.at - now()) / DAY_MS);
    for (const account of notify.accounts) {
      const state = await accountState(account, notify.delivery.state);
      const delegation = state.problems.length > 0 ? undefined : await delegationOf(account, notify.purposesOf(account));
      rows.push({ account, state, delegation });
      findings.push(...findingsOf(account, state, days));
      const { name, provider, grant, mailbox } = account;
      accounts.push({
        name,
        provider,
        grant,
        mailbox,
        ready: state.ready,
        ...(state.loginAt === undefined ? {} : { loginAt: isoTime(state.loginAt) }),
        ...(state.usedAt === undefined ? {} : { usedAt: isoTime(state.usedAt) }),
        ends: state.deaths.map((death) => ({ what: death.what, at: isoTime(death.at), days: days(death) })),
        ...(delegation === undefined ? {} : { delegation }),
      });
    }
    const failed = findings.some(({ severity }) => severity === 'error');
    return {
      outcome: failed ? 'failed' : findings.length > 0 ? 'warning' : 'ok',
      ...(failed ? { cause: 'key' as const } : {}),
      counts: { accounts: accounts.length },
      findings,
      fields: { accounts },
      render: (text) =>
        rows.length === 0
          ? text.say`no accounts are configured`
          : rows
              .map(({ account, state, delegation }) =>
                text.pairs([
                  [
                    text.say`account`,
                    `${text.bold(account.name)}  ${state.ready ? text.green(text.say`ready`) : text.red(text.say`can not send`)}`,
                  ],
                  [text.say`sends as`, `${account.mailbox}, ${account.provider}, ${account.grant}`],
                  ...(state.usedAt === undefined || account.grant === 'application'
                    ? []
                    : [[text.say`last used`, text.time(isoTime(state.usedAt))] as [string, string]]),
                  ...state.deaths.map((death): [string, string] => {
                    const left = days(death);
                    const when = text.say`${left < 0 ? text.say`ended` : text.say`ends`} on ${text.time(isoTime(death.at))}, ${left < 0 ? text.say`${-left} days ago` : text.say`in ${left} days`}`;
                    return [tell(death.what, text), left < 0 ? text.red(when) : left < SOON_DAYS ? text.yellow(when) : when];
                  }),
                  ...(delegation === undefined
                    ? []
                    : [
                        [text.say`delegation`, text.say`client id ${delegation.clientId}, scopes ${delegation.scopes.join(',')}`] as [
                          string,
                          string,
                        ],
                      ]),
                ]),
              )
              .join('\n\n'),
    };
  },
});

/** What ends soon, has ended, or is missing, of all accounts. */
export async function accountFindings(notify: Notify): Promise<Finding[]> {
  const [{ accountState }, { now }] = await Promise.all([import('../notify/oauth/expiry.ts'), import('../system/clock.ts')]);
  const days = (death: Death): number => Math.floor((death.at - now()) / DAY_MS);
  const states = notify.accounts.map(async (account) => findingsOf(account, await accountState(account, notify.delivery.state), days));
  return (await Promise.all(states)).flat();
}

interface Delegation {
  clientId: string;
  scopes: string[];
}

async function delegationOf(account: Account, purposes: readonly Purpose[]): Promise<Delegation | undefined> {
  if (account.provider !== 'google' || account.grant !== 'application') return undefined;
  const { googleScope, serviceKey } = await import('../notify/oauth/google.ts');
  return { clientId: (await serviceKey(account).catch(() => undefined))?.client_id ?? '', scopes: [...new Set(purposes.map(googleScope))] };
}

function findingsOf(account: Account, state: AccountState, days: (death: Death) => number): Finding[] {
  const subject = account.name;
  const findings = state.problems.map(({ message, hint }): Finding => ({
    severity: 'error',
    code: 'secret-unreadable',
    message,
    subject,
    ...(hint === undefined ? {} : { hint }),
  }));
  if (!state.ready && state.problems.length === 0) {
    findings.push({
      severity: 'error',
      code: 'login-needed',
      message: `nobody has signed in to account '${subject}' yet`,
      hint: `mailrecover auth login ${subject}`,
      subject,
    });
  }
  for (const death of state.deaths) {
    const left = days(death);
    if (left >= SOON_DAYS) continue;
    const when = left < 0 ? `ended ${-left} days ago` : `ends in ${left} days`;
    findings.push({
      severity: left < 0 ? 'error' : 'warning',
      code: left < 0 ? 'credential-ended' : 'credential-ends',
      message: `the ${death.what} of account '${subject}' ${when}`,
      hint: left < 0 && death.what === 'login' ? `mailrecover auth login ${subject}` : death.remedy,
      subject,
    });
  }
  return findings;
}
