/** When what an account needs will die, as far as it can be known here. */
import { MailrecoverError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import { readSecret } from '../../system/secret.ts';
import type { Account } from './account.ts';
import { certificateOf } from './jwt.ts';
import { readStored } from './token-file.ts';

const DAY_MS = 86_400_000;
/** An unused login ends after 90 days at Microsoft, after six months at Google. */
const IDLE_DAYS = { microsoft: 90, google: 180 } as const;

export interface Death {
  what: 'client secret' | 'certificate' | 'login';
  /** Milliseconds since 1970. */
  at: number;
  /** How it is put off. */
  remedy: string;
}

export interface AccountState {
  /** `login-needed`, or ready as far as can be seen without asking the provider. */
  ready: boolean;
  loginAt?: number;
  usedAt?: number;
  deaths: Death[];
  /** Secrets that can't be read or understood. */
  problems: MailrecoverError[];
}

/** Looks at what lies here, and asks nobody. */
export async function accountState(account: Account, state: string): Promise<AccountState> {
  const stored = await readStored(state, account);
  const deaths: Death[] = [];
  const problems: MailrecoverError[] = [];
  const attempt = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      problems.push(error);
    }
  };
  if (account.provider === 'microsoft') {
    const { secretExpires, certificate } = account;
    if (secretExpires !== undefined)
      deaths.push({
        what: 'client secret',
        at: Date.parse(secretExpires),
        remedy: 'make a new secret in Entra, put it in place, and change secretExpires',
      });
    if (certificate !== undefined) {
      await attempt(async () => {
        const name = `the certificate of account '${account.name}'`;
        const at = Date.parse(certificateOf(await readSecret(certificate, name), name).validTo);
        deaths.push({ what: 'certificate', at, remedy: 'make a new certificate, upload it in Entra, and put it in place' });
      });
    }
  }
  for (const [reference, what] of secretsOf(account))
    await attempt(async () => void (await readSecret(reference, `${what} of account '${account.name}'`)));
  const loginNeeded = account.grant === 'delegated' && stored.refreshToken === undefined;
  if (account.grant === 'delegated' && stored.refreshToken !== undefined) {
    const idle = (stored.usedAt ?? stored.loginAt ?? now()) + IDLE_DAYS[account.provider] * DAY_MS;
    const remedy =
      stored.loginEndsAt === undefined
        ? `mailrecover auth refresh ${account.name}`
        : "publish the consent screen ('In production', or 'Internal'), then sign in again";
    deaths.push({ what: 'login', at: Math.min(idle, stored.loginEndsAt ?? idle), remedy });
  }
  return {
    ready: !loginNeeded && problems.length === 0,
    ...(stored.loginAt === undefined ? {} : { loginAt: stored.loginAt }),
    ...(stored.usedAt === undefined ? {} : { usedAt: stored.usedAt }),
    deaths,
    problems,
  };
}

function secretsOf(account: Account): [string, string][] {
  const secrets: [string | undefined, string][] = [[account.clientSecret, 'the client secret']];
  if (account.provider === 'microsoft') secrets.push([account.certificateKey, 'the private key']);
  else secrets.push([account.serviceAccount, 'the service account key']);
  return secrets.filter((entry): entry is [string, string] => entry[0] !== undefined);
}
