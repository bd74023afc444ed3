import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { namedAccount, notifyOf } from './notify-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'auth refresh',
  summary: 'keep logins alive, and prove that tokens are still given',
  description: [
    'Asks the provider for a new token of each account. A login at Microsoft that is not used for 90 days ends, one at Google after six months: run this once a week from a timer. It also finds a secret that has ended before a report needs it.',
  ],
  arguments: { account: { value: 'ACCOUNT', description: 'only these accounts', variadic: true } },
  options: {},
  examples: [
    { command: 'mailrecover auth refresh --quiet', says: 'From cron, once a week.' },
    { command: 'mailrecover auth refresh m365', says: 'See whether one account still gets tokens.' },
  ],
  exitCodes: { 0: 'every account got a token', 3: 'some did, some did not', 12: 'none did', 13: 'no provider could be reached' },
  json: {
    'accounts[].{name,refreshed,expiresAt}': 'each account, and until when its new token is good',
    'counts.refreshed': 'how many got a token',
  },
  recordsHistory: true,
  async run(context, { account: names }): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const chosen = names.length === 0 ? notify.accounts : names.map((name) => namedAccount(notify, name));
    const [{ accessToken }, { isoTime }] = await Promise.all([import('../notify/oauth/tokens.ts'), import('../system/clock.ts')]);
    const findings: Finding[] = [];
    const accounts: { name: string; refreshed: boolean; expiresAt?: string }[] = [];
    let cause: MailrecoverError | undefined;
    for (const account of chosen) {
      const purpose = notify.purposesOf(account)[0] ?? 'api';
      try {
        const unsaved = (error: MailrecoverError): void =>
          void findings.push({
            severity: 'warning',
            code: 'unsaved',
            message: `the new token can't be kept: ${error.message}`,
            subject: account.name,
          });
        const { expiresAt } = await accessToken(account, purpose, { state: notify.delivery.state, fresh: true, unsaved });
        accounts.push({ name: account.name, refreshed: true, expiresAt: isoTime(expiresAt) });
      } catch (error) {
        if (!(error instanceof MailrecoverError)) throw error;
        cause ??= error;
        accounts.push({ name: account.name, refreshed: false });
        const { message, hint = `mailrecover auth test ${account.name}` } = error;
        findings.push({ severity: 'error', code: 'no-token', message: `${account.name}: ${message}`, hint, subject: account.name });
      }
    }
    const refreshed = accounts.filter((each) => each.refreshed).length;
    const outcome = cause === undefined ? (findings.length === 0 ? 'ok' : 'warning') : refreshed === 0 ? 'failed' : 'partial';
    return {
      outcome,
      ...(cause === undefined || outcome === 'partial' ? {} : { cause: cause.code }),
      counts: { accounts: accounts.length, refreshed },
      findings,
      fields: { accounts },
      render: (text) =>
        accounts.length === 0
          ? text.say`no accounts are configured`
          : text.pairs(
              accounts.map(({ name, refreshed: good, expiresAt }) => [
                name,
                good
                  ? text.say`${text.green(text.say`refreshed`)}, good until ${text.time(expiresAt ?? '')}`
                  : text.red(text.say`no token`),
              ]),
            ),
    };
  },
});
