/** Whether Postfix on this host asks before it accepts. */
import { MailrecoverError } from '../../errors/error.ts';
import { run } from '../../system/exec.ts';

/** The socket below Postfix's queue directory, as main.cf names it. */
export const SOCKET = 'private/mailrecover';
const SETTING = 'smtpd_end_of_data_restrictions';
/** What is to stand in main.cf (Postfix 3.0 and later): where nobody answers, mail goes on. */
export const RESTRICTION = `check_policy_service { unix:${SOCKET}, timeout=10s, try_limit=1, default_action=DUNNO }`;

const ask = async (...args: string[]): Promise<string> => (await run('postconf', args, { timeoutMs: 10_000 })).stdout.trim();

export interface PolicyPlace {
  path: string;
  /** Whose the socket is to be, by name. */
  owner: string;
}

/** Where Postfix looks for it. */
export async function policyPlace(): Promise<PolicyPlace> {
  return { path: `${await ask('-h', 'queue_directory')}/${SOCKET}`, owner: await ask('-h', 'mail_owner') };
}

/** @returns the services of master.cf that don't ask though main.cf says so; undefined where main.cf does not */
export async function servicesThatDoNotAsk(): Promise<string[] | undefined> {
  try {
    if (!(await ask('-hx', SETTING)).includes(`unix:${SOCKET}`)) return undefined;
    return (await ask('-P')).split('\n').flatMap((line) => {
      const [, service, value = ''] = new RegExp(`^(\\S+)/${SETTING} = ?(.*)$`).exec(line) ?? [];
      return service === undefined || value.includes(`unix:${SOCKET}`) || value.includes(`$${SETTING}`) ? [] : [service];
    });
  } catch (error) {
    if (error instanceof MailrecoverError) return undefined;
    throw error;
  }
}
