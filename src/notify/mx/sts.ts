/** MTA-STS (RFC 8461): a domain says over HTTPS which servers take its mail, and that they are to be met with TLS and the right certificate. */
import { readFile } from 'node:fs/promises';
import type { Resolver } from 'node:dns/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { domainToASCII } from 'node:url';
import { now } from '../../system/clock.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';

export interface StsPolicy {
  /** `testing` and `none` change nothing for who sends. */
  mode: 'enforce' | 'testing' | 'none';
  /** Names of servers; `*.` stands for one label (section 4.1). */
  mx: readonly string[];
}

interface Kept extends StsPolicy {
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
const MOST_BYTES = 64 * 1024;
/** A year, the most that a policy may ask for (section 3.2). */
const LONGEST_S = 31_557_600;

/** The policy of a domain: the one kept where it is the same, or where a new one can't be had; undefined where there is none. Never throws but for an abort. */
export async function stsPolicy(domain: string, options: StsOptions): Promise<StsPolicy | undefined> {
  const name = domainToASCII(domain.replace(/\.$/, ''));
  if (!/^[a-z0-9.-]+$/.test(name)) return undefined;
  const file = join(options.cache, `${name}.json`);
  const kept = await readKept(file);
  const id = await policyId(name, options.dns);
  options.signal.throwIfAborted();
  // Without a record a policy that was kept is still in force (section 5.1).
  if (id === undefined || kept?.id === id) return kept;
  try {
    const { mode, mx, maxAge } = parsePolicy(await fetchPolicy(`mta-sts.${name}`, options));
    const fresh: Kept = { id, mode, mx, until: now() + maxAge * 1000 };
    await makeDirectory(options.cache);
    // What can't be kept is asked for again the next time.
    await writeDurable(file, `${JSON.stringify(fresh)}\n`).catch(() => undefined);
    return fresh;
  } catch {
    options.signal.throwIfAborted();
    return kept;
  }
}

/** Whether a policy lets mail go to that server. */
export function stsAllows({ mx }: StsPolicy, host: string): boolean {
  const name = host.toLowerCase();
  return mx.some((pattern) => (pattern.startsWith('*.') ? name.slice(name.indexOf('.') + 1) === pattern.slice(2) : name === pattern));
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

/** @throws Error where it is no policy (section 3.2) */
export function parsePolicy(text: string): StsPolicy & { maxAge: number } {
  const values = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [, key, value = ''] = /^([A-Za-z0-9_-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) values.set(key, [...(values.get(key) ?? []), value]);
  }
  const only = (key: string): string => values.get(key)?.[0] ?? '';
  const mode = only('mode');
  const maxAge = Number(only('max_age'));
  const mx = (values.get('mx') ?? []).map((name) => name.toLowerCase().replace(/\.$/, ''));
  const isMode = mode === 'enforce' || mode === 'testing' || mode === 'none';
  if (only('version') !== 'STSv1' || !isMode || !/^\d{1,10}$/.test(only('max_age')) || (mode !== 'none' && mx.length === 0))
    throw new Error('no policy');
  return { mode, mx, maxAge: Math.min(maxAge, LONGEST_S) };
}

/** Its certificate must be right, and it must not lead elsewhere (section 3.3). */
async function fetchPolicy(host: string, { dns, caFile, signal }: StsOptions): Promise<string> {
  const ca = caFile === undefined ? [] : [await readFile(caFile, 'utf8')];
  const [six, four] = await Promise.all([dns.resolve6(host).catch(() => []), dns.resolve4(host).catch(() => [])]);
  const addresses = [...four.map((address) => ({ address, family: 4 })), ...six.map((address) => ({ address, family: 6 }))];
  if (addresses.length === 0) throw new Error('no address');
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host,
        path: '/.well-known/mta-sts.txt',
        ca: [...rootCertificates, ...ca],
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
        lookup: (_name, { all }, done) => {
          const [first = { address: '', family: 4 }] = addresses;
          if (all === true) done(null, addresses);
          else done(null, first.address, first.family);
        },
      },
      (answer) => {
        const isText = /^text\/plain\s*(?:;|$)/i.test(answer.headers['content-type'] ?? '');
        if (answer.statusCode !== 200 || !isText) asked.destroy(new Error('no policy'));
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MOST_BYTES) asked.destroy(new Error('too long'));
        });
        answer.on('end', () => resolve(text));
        answer.on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
