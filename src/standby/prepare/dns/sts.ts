/** The MTA-STS policy of a domain (RFC 8461): senders that heed it refuse an MX that it does not name. */
import { isIP } from 'node:net';
import { fetchPolicy, parsePolicy, stsHost, type StsPolicy } from '../../../system/mta-sts.ts';
import type { Names } from './ask.ts';

const PATIENCE_MS = 10_000;

/** @returns undefined where the domain has none; a text where it can't be had, though it announces one */
export async function announcedPolicy(names: Names, domain: string, ca: string | undefined): Promise<StsPolicy | string | undefined> {
  const records = (await names.txt(`_mta-sts.${domain}`))?.filter((text) => text.startsWith('v=STSv1'));
  if (records === undefined || records.length === 0) return undefined;
  const host = stsHost(domain);
  const addresses = ((await names.addresses(host)) ?? []).map((address) => ({ address, family: isIP(address) }));
  if (addresses.length === 0) return `${host} has no address`;
  let text: string;
  try {
    text = await fetchPolicy(domain, { addresses, ca, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    return `https://${host}/.well-known/mta-sts.txt: ${error instanceof Error ? error.message : String(error)}`;
  }
  return parsePolicy(text) ?? `https://${host}/.well-known/mta-sts.txt is no policy`;
}
