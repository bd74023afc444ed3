/** After a switch mail for unknown users is refused for a while only (`soft_bounce`), until it is known that no account is missing. */
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import { accountsOn, missingFrom, type KnownAccounts } from '../accounts.ts';
import type { SwitchHead } from '../journal.ts';
import { change, explicitSetting, reload } from '../postfix.ts';
import type { Remote } from '../remote.ts';

const SETTING = 'soft_bounce';
/** What was written down longer ago says too little of the accounts that there were. */
const FRESH_MS = 24 * 3600 * 1000;
const NAMED = 10;

/** Whether a host refuses mail for unknown users for a while only. */
export async function bouncesSoftly(host: Remote): Promise<boolean> {
  return (await explicitSetting(host, SETTING)) === 'yes';
}

/** What is known of the accounts of the old host. */
export interface Expected {
  /** As it said itself when the switch began. */
  counted: SwitchHead['accounts'];
  /** As the last synchronisation wrote it down on the new host. */
  known: KnownAccounts | undefined;
  /** How many there are to be, as a person says. */
  typed?: number | undefined;
}

export type Compared =
  | { alike: true; evidence: string }
  /** `missing` by name, where names are known. */
  | { alike: false; reason: string; missing: string[] };

/** Compares the accounts of the host that serves with those that there were. */
export async function compareAccounts(host: Remote, { counted, known, typed }: Expected): Promise<Compared> {
  const there = await accountsOn(host);
  if (there === undefined) return { alike: false, reason: `Dovecot on '${host.name}' can not list its accounts`, missing: [] };
  const missing = known === undefined ? [] : missingFrom(there, known.names);
  const no = (reason: string): Compared => ({ alike: false, reason, missing });
  const count = `'${host.name}' knows ${there.count} accounts`;
  if (typed !== undefined)
    return there.count === typed
      ? { alike: true, evidence: `${count}, as many as there are to be by what was typed` }
      : no(`${count}, and ${typed} there are to be by what was typed`);
  if (counted !== undefined)
    return there.sha256 === counted.sha256
      ? { alike: true, evidence: `${count}, the same as the old host` }
      : no(`${count} where the old host had ${counted.count}, or others`);
  if (known === undefined) return no(`${count}, and nobody knows how many the old host had`);
  if (missing.length > 0)
    return no(`${missing.length} of the ${known.names.length} accounts that the old host had at ${known.at} are not on '${host.name}'`);
  if (now() - Date.parse(known.at) > FRESH_MS)
    return no(`${count}, and what the old host had was written down at ${known.at} last, which is too long ago`);
  return { alike: true, evidence: `${count}, among them all ${known.names.length} that the old host had at ${known.at}` };
}

/** Has mail for unknown users refused for good again. */
export async function bounceHard(host: Remote, before: string | undefined): Promise<void> {
  await change(host, SETTING, before);
  await reload(host);
}

/** Why `soft_bounce` stays on, and what to do. */
export function softBounceFinding(host: string, { reason, missing }: { reason: string; missing: readonly string[] }): Finding {
  const names = `${missing.slice(0, NAMED).join(', ')}${missing.length > NAMED ? ', …' : ''}`;
  const waits = 'soft_bounce stays on, mail for unknown users waits at its senders, and is returned to them after some days';
  return {
    severity: 'warning',
    code: 'soft-bounce',
    message: missing.length === 0 ? `${reason}: ${waits}` : `${reason}; missing: ${names}: ${waits}`,
    hint: "add the accounts that are missing, then: 'mailrecover standby settle'; see --help for when nobody knows how many there are to be",
    subject: host,
  };
}
