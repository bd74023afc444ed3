/** The MTA-STS policy of a domain (RFC 8461): senders that heed it refuse an MX that it does not name. */
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import type { Names } from './ask.ts';

export interface StsPolicy {
  mode: 'enforce' | 'testing' | 'none';
  mx: string[];
  /** Seconds for which senders keep it. */
  maxAge: number;
}

const PATIENCE = 10_000;
/** Section 3.2: more is no policy. */
const LARGEST = 64 * 1024;

/** @returns undefined where the domain has none; a text where it can't be had, though it announces one */
export async function stsPolicy(names: Names, domain: string, ca: string | undefined): Promise<StsPolicy | string | undefined> {
  const records = (await names.txt(`_mta-sts.${domain}`))?.filter((text) => text.startsWith('v=STSv1'));
  if (records === undefined || records.length === 0) return undefined;
  const host = `mta-sts.${domain}`;
  const [address] = (await names.addresses(host)) ?? [];
  if (address === undefined) return `${host} has no address`;
  let text: string;
  try {
    text = await fetchText(host, address, ca);
  } catch (error) {
    return `https://${host}/.well-known/mta-sts.txt: ${error instanceof Error ? error.message : String(error)}`;
  }
  return parsePolicy(text) ?? `https://${host}/.well-known/mta-sts.txt is no policy`;
}

export function parsePolicy(text: string): StsPolicy | undefined {
  const pairs = text
    .split(/\r?\n/)
    .map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()] as const);
  const value = (name: string): string | undefined => pairs.find(([key]) => key === name)?.[1];
  const mode = value('mode');
  if (value('version') !== 'STSv1' || (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')) return undefined;
  return { mode, maxAge: Number(value('max_age') ?? 0), mx: pairs.filter(([key]) => key === 'mx').map(([, name]) => name.toLowerCase()) };
}

/** Section 4.1: `*` stands for one label, the leftmost. */
export function policyNames({ mx }: StsPolicy, exchange: string): boolean {
  const name = exchange.toLowerCase().replace(/\.$/, '');
  return mx.some((pattern) => pattern === name || (pattern.startsWith('*.') && name.slice(name.indexOf('.')) === pattern.slice(1)));
}

function fetchText(host: string, address: string, ca: string | undefined): Promise<string> {
  const lookup: LookupFunction = (_, options, callback) => {
    const family = isIP(address);
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, path: '/.well-known/mta-sts.txt', lookup, timeout: PATIENCE, ...(ca === undefined ? {} : { ca }) },
      (response) => {
        // Section 3.3: redirects are not followed.
        if (response.statusCode !== 200) {
          response.resume();
          reject(new Error(`answered with ${response.statusCode ?? 'nothing'}`));
          return;
        }
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > LARGEST) asked.destroy(new Error('is too long for a policy'));
        });
        response.on('end', () => resolve(text));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('did not answer in time')));
    asked.on('error', reject);
    asked.end();
  });
}
