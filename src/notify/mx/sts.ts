/** The MTA-STS policy of a domain that mail is sent to, kept for as long as it says (RFC 8461). */
import { readFile } from 'node:fs/promises';
import type { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { now } from '../../system/clock.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import { fetchPolicy, parsePolicy, stsHost, type StsAccess, type StsPolicy } from '../../system/mta-sts.ts';

type Heeded = Pick<StsPolicy, 'mode' | 'mx'>;

interface Kept extends Heeded {
  id: string;
  /** Milliseconds since 1970. */
  until: number;
}

export interface StsOptions {
  dns: Resolver;
  /** A directory in which policies are kept until they end. */
  cache: string;
  caFile?: string | undefined;
  signal: AbortSignal;
}

/** An alarm waits no longer for a policy; one that was kept holds on. */
const PATIENCE_MS = 8000;

/** The policy of a domain: the one kept where it is the same, or where a new one can't be had; undefined where there is none. Never throws but for an abort. */
export async function stsPolicy(domain: string, options: StsOptions): Promise<Heeded | undefined> {
  const name = domainToASCII(domain.replace(/\.$/, ''));
  if (!/^[a-z0-9.-]+$/.test(name)) return undefined;
  const file = join(options.cache, `${name}.json`);
  const kept = await readKept(file);
  const id = await policyId(name, options.dns);
  options.signal.throwIfAborted();
  // Without a record a policy that was kept is still in force (section 5.1).
  if (id === undefined || kept?.id === id) return kept;
  try {
    const policy = parsePolicy(await fetchPolicy(name, await accessOf(name, options)));
    if (policy === undefined) return kept;
    const fresh: Kept = { id, mode: policy.mode, mx: policy.mx, until: now() + policy.maxAge * 1000 };
    await makeDirectory(options.cache);
    // What can't be kept is asked for again the next time.
    await writeDurable(file, `${JSON.stringify(fresh)}\n`).catch(() => undefined);
    return fresh;
  } catch {
    options.signal.throwIfAborted();
    return kept;
  }
}

async function readKept(file: string): Promise<Kept | undefined> {
  try {
    const { id, mode, mx, until } = JSON.parse(await readFile(file, 'utf8')) as Kept;
    return until > now() && Array.isArray(mx) ? { id, mode, mx, until } : undefined;
  } catch {
    return undefined;
  }
}

/** `v=STSv1; id=20260101;` in the one TXT record of `_mta-sts` (section 3.1). */
async function policyId(name: string, dns: Resolver): Promise<string | undefined> {
  const records = await dns.resolveTxt(`_mta-sts.${name}`).catch((): string[][] => []);
  const ours = records.map((parts) => parts.join('')).filter((text) => /^v=STSv1\s*;/.test(text));
  return ours.length === 1 ? /;\s*id=([A-Za-z0-9]{1,32})\s*(?:;|$)/.exec(ours[0] ?? '')?.[1] : undefined;
}

async function accessOf(name: string, { dns, caFile, signal }: StsOptions): Promise<StsAccess> {
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  const host = stsHost(name);
  const [six, four] = await Promise.all([dns.resolve6(host).catch(() => []), dns.resolve4(host).catch(() => [])]);
  const addresses = [...four.map((address) => ({ address, family: 4 })), ...six.map((address) => ({ address, family: 6 }))];
  return { addresses, ca, signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) };
}
