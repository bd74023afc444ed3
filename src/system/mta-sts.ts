/** MTA-STS (RFC 8461): a domain says over HTTPS which servers take its mail, and that they are to be met with TLS and the right certificate. */
import type { LookupAddress } from 'node:dns';
import { request } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface StsPolicy {
  /** `testing` and `none` change nothing for who sends. */
  mode: 'enforce' | 'testing' | 'none';
  /** Names of servers; `*.` stands for one label (section 4.1). */
  mx: readonly string[];
  /** Seconds for which senders keep it. */
  maxAge: number;
}

export interface StsAccess {
  /** Addresses of `mta-sts.DOMAIN`, as the asking resolver knows them. */
  addresses: readonly LookupAddress[];
  /** Certificates to trust beside the usual ones, PEM. */
  ca?: string | undefined;
  signal: AbortSignal;
}

const MOST_BYTES = 64 * 1024;
/** A year, the most that a policy may ask for (section 3.2). */
const LONGEST_S = 31_557_600;

/** Where the policy of a domain lies. */
export function stsHost(domain: string): string {
  return `mta-sts.${domain}`;
}

/** @returns undefined where it is no policy (section 3.2) */
export function parsePolicy(text: string): StsPolicy | undefined {
  const values = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [, key, value = ''] = /^([A-Za-z0-9_-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) values.set(key, [...(values.get(key) ?? []), value]);
  }
  const only = (key: string): string => values.get(key)?.[0] ?? '';
  const mode = only('mode');
  const mx = (values.get('mx') ?? []).map((name) => name.toLowerCase().replace(/\.$/, ''));
  if (only('version') !== 'STSv1' || !/^\d{1,10}$/.test(only('max_age'))) return undefined;
  if (mode !== 'none' && ((mode !== 'enforce' && mode !== 'testing') || mx.length === 0)) return undefined;
  return { mode, mx, maxAge: Math.min(Number(only('max_age')), LONGEST_S) };
}

/** Whether a policy lets mail go to that server. */
export function stsAllows({ mx }: Pick<StsPolicy, 'mx'>, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return mx.some((pattern) => (pattern.startsWith('*.') ? name.slice(name.indexOf('.') + 1) === pattern.slice(2) : name === pattern));
}

/**
 * Fetches the text of a policy. The certificate must be right, and the answer must not lead elsewhere (section 3.3).
 * @throws Error in a few words of what is wrong
 */
export function fetchPolicy(domain: string, { addresses, ca, signal }: StsAccess): Promise<string> {
  const [first] = addresses;
  return new Promise((resolve, reject) => {
    if (first === undefined) return reject(new Error('has no address'));
    const asked = request(
      {
        host: stsHost(domain),
        path: '/.well-known/mta-sts.txt',
        ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
        agent: false,
        signal,
        lookup: (_name, { all }, done) => {
          if (all === true) done(null, [...addresses]);
          else done(null, first.address, first.family);
        },
      },
      (answer) => {
        if (answer.statusCode !== 200) asked.destroy(new Error(`answered with ${answer.statusCode ?? 'nothing'}`));
        else if (!/^text\/plain\s*(?:;|$)/i.test(answer.headers['content-type'] ?? '')) asked.destroy(new Error('is no text'));
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MOST_BYTES) asked.destroy(new Error('is too long for a policy'));
        });
        answer.on('end', () => resolve(text));
        answer.on('error', reject);
      },
    );
    asked.on('error', (error) => reject(signal.aborted ? new Error('did not answer in time') : error));
    asked.end();
  });
}
