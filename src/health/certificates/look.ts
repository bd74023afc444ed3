/** Certificates of the mail server: when they end, whom they are for, and whether what lies in the file is whole. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { isoTime, now } from '../../system/clock.ts';
import type { Certificate } from './model.ts';
import { namedCertificates } from './named.ts';

export interface CertificateOptions {
  /** Files beside those that Postfix and Dovecot name. */
  files: readonly string[];
  /** Names that clients and other servers use: one of the certificates must be for each. */
  names: readonly string[];
  signal?: AbortSignal | undefined;
}

export interface Looked {
  /** What ends first comes first. */
  certificates: readonly Certificate[];
  findings: readonly Finding[];
}

const DAY_MS = 86_400_000;
/** A certificate that lives longer than this is renewed by hand, or months ahead. */
const LONG_DAYS = 100;

export async function lookAtCertificates({ files, names, signal }: CertificateOptions): Promise<Looked> {
  const findings: Finding[] = [];
  const named = new Map(files.map((path) => [path, ['configuration']]));
  try {
    for (const [path, by] of await namedCertificates(signal)) named.set(path, [...(named.get(path) ?? []), ...by]);
  } catch (error) {
    signal?.throwIfAborted();
    findings.push(unread(error));
  }
  const certificates: Certificate[] = [];
  const leaves: X509Certificate[] = [];
  for (const [path, usedBy] of named) {
    try {
      const chain = certificatesIn(
        await readFile(path, 'utf8').catch((error: unknown) => Promise.reject(ioError(error, 'read', path))),
        path,
      );
      const [leaf] = chain;
      if (leaf === undefined) continue;
      leaves.push(leaf);
      const certificate = described(leaf, path, usedBy);
      certificates.push(certificate);
      findings.push(...lifeOf(certificate), ...chainOf(chain, path));
    } catch (error) {
      findings.push(unread(error, path));
    }
  }
  for (const name of names)
    if (!leaves.some((leaf) => leaf.checkHost(name) !== undefined))
      findings.push({
        severity: 'error',
        code: 'certificate-name',
        message: `no certificate of this server is for '${name}'`,
        hint: 'get one that has that name, or correct health.certificates.names in the configuration',
        subject: name,
      });
  return { certificates: certificates.toSorted((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter)), findings };
}

/** The certificates of a PEM file, the server's own first. @throws MailrecoverError `damage` */
function certificatesIn(text: string, path: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const hint = 'look at it: openssl x509 -text -noout -in FILE';
  if (blocks.length === 0) throw new MailrecoverError('damage', `'${path}' holds no certificate`, { hint, subject: path });
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new MailrecoverError('damage', `'${path}' holds a certificate that can not be read`, { hint, subject: path, cause: error });
  }
}

function described(leaf: X509Certificate, path: string, usedBy: readonly string[]): Certificate {
  const names = [...(leaf.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):([^,]+)/g)].map(([, name = '']) => name.trim());
  const common = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  return {
    path,
    usedBy,
    names: names.length > 0 || common === undefined ? names : [common],
    issuer: /^(?:O|CN)=(.+)$/m.exec(leaf.issuer)?.[1] ?? leaf.issuer.replaceAll('\n', ', '),
    notBefore: isoTime(Date.parse(leaf.validFrom)),
    notAfter: isoTime(Date.parse(leaf.validTo)),
    daysLeft: Math.floor((Date.parse(leaf.validTo) - now()) / DAY_MS),
  };
}

/**
 * Lives become shorter (47 days from 2029 on, six days where one wants), so that what is late is a share of the life: renewal is due when a third is left.
 * Those that live long are renewed by people, who need weeks.
 */
export function lifeOf({ path, names, notBefore, notAfter, daysLeft }: Certificate): Finding[] {
  const [from, to] = [Date.parse(notBefore), Date.parse(notAfter)];
  const life = (to - from) / DAY_MS;
  const left = (to - now()) / DAY_MS;
  const [late, soon] = life > LONG_DAYS ? [14, 30] : [life * 0.1, life * 0.25];
  const whose = `the certificate of ${names[0] ?? 'no name'} ('${path}')`;
  const subject = path;
  const hint = "renew it, put it in place, and reload the servers: 'systemctl reload postfix dovecot'";
  if (left < 0) return [{ severity: 'error', code: 'certificate-ended', message: `${whose} ended on ${notAfter}`, hint, subject }];
  if (from > now())
    return [
      {
        severity: 'error',
        code: 'certificate-ended',
        message: `${whose} begins on ${notBefore} only`,
        hint: 'set the clock right, or put the one before back in place',
        subject,
      },
    ];
  if (left >= soon) return [];
  const severity = left < late ? 'error' : 'warning';
  return [{ severity, code: 'certificate-ends', message: `${whose} ends in ${daysLeft} days, on ${notAfter}`, hint, subject }];
}

let roots: readonly X509Certificate[] | undefined;

/** Authorities that this system trusts. */
function trusted(): readonly X509Certificate[] {
  return (roots ??= [...new Set([...getCACertificates('system'), ...getCACertificates('bundled')])].flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  }));
}

/** Whether each certificate of the file is signed by the next, and the last by an authority that is known. A self-signed one is its own. */
function chainOf(chain: readonly X509Certificate[], path: string): Finding[] {
  const isSignedBy = (one: X509Certificate, by: X509Certificate): boolean => one.checkIssued(by) && one.verify(by.publicKey);
  const hint =
    "put the certificates between it and the authority behind it into the file (often called 'fullchain.pem'), and reload the servers";
  for (const [index, one] of chain.entries()) {
    const next = chain[index + 1];
    if (next !== undefined && !isSignedBy(one, next))
      return [
        {
          severity: 'error',
          code: 'certificate-chain',
          message: `in '${path}' certificate ${index + 2} did not sign the one before it`,
          hint,
          subject: path,
        },
      ];
  }
  const last = chain.at(-1);
  if (last === undefined || isSignedBy(last, last)) return [];
  if (trusted().some((root) => isSignedBy(last, root))) return [];
  return [
    {
      severity: 'warning',
      code: 'certificate-chain',
      message: `'${path}' leads to no authority that is known here: its last certificate is signed by ${last.issuer.replaceAll('\n', ', ')}`,
      hint,
      subject: path,
    },
  ];
}

function unread(error: unknown, subject?: string): Finding {
  const told = error instanceof MailrecoverError ? error : undefined;
  return {
    severity: 'warning',
    code: 'certificate-unread',
    message: `certificates can not be looked at: ${error instanceof Error ? error.message : String(error)}`,
    hint: told?.hint ?? 'run it as root, or as a user that may read them',
    ...(subject === undefined ? {} : { subject }),
  };
}
