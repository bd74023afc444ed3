/** The certificates that Postfix and Dovecot show, and whether the keys beside them are theirs. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { displayBytes, fsPath } from '../../store/bytes.ts';
import type { Named } from '../../store/system/types.ts';
import { isoTime } from '../../system/clock.ts';
import type { Certificate } from './model.ts';

/** Settings that name what clients are shown; authorities and certificates for logging in elsewhere are none. */
const SHOWN = /smtpd_tls_(?:cert_file|eccert_file|chain_files)|ssl_(?:server_)?(?:alt_)?cert(?:_file)?(?:$|\/)|inet_listener.*cert/;
const KEYS: readonly [RegExp, string][] = [
  [/cert_file$/, 'key_file'],
  [/ssl_cert$/, 'ssl_key'],
  [/ssl_alt_cert$/, 'ssl_alt_key'],
];

export function certificatesOf(named: readonly Named[]): Certificate[] {
  const found = new Map<string, Certificate>();
  for (const { path, by } of named) {
    if (!SHOWN.test(by)) continue;
    const shown = displayBytes(path);
    const there = found.get(shown);
    if (there !== undefined) {
      if (!there.by.split(', ').includes(by)) there.by += `, ${by}`;
      continue;
    }
    const certificate = readCertificate(path);
    if (certificate === undefined) continue;
    const keyPath = keyFor(by, path, named);
    const fits = keyPath === undefined ? undefined : keyFits(certificate, keyPath);
    found.set(shown, {
      path: shown,
      by,
      subject: certificate.subject,
      names: namesOf(certificate),
      notAfter: isoTime(Date.parse(certificate.validTo)),
      notBefore: isoTime(Date.parse(certificate.validFrom)),
      hashes: {
        certificate: createHash('sha256').update(certificate.raw).digest('hex'),
        key: createHash('sha256')
          .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
          .digest('hex'),
      },
      ...(fits === undefined ? {} : { keyFits: fits }),
    });
  }
  return [...found.values()];
}

/** The first certificate of a file is the server's own (RFC 8446, section 4.4.2). */
function readCertificate(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(fsPath(path)));
  } catch {
    return undefined;
  }
}

function keyFor(by: string, path: string, named: readonly Named[]): string | undefined {
  for (const [pattern, name] of KEYS) {
    if (!pattern.test(by)) continue;
    const key = named.find((each) => each.by === by.replace(pattern, name));
    if (key !== undefined) return key.path;
  }
  return /chain_files/.test(by) ? path : undefined;
}

function keyFits(certificate: X509Certificate, path: string): boolean | undefined {
  try {
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(fsPath(path))));
  } catch {
    // With a passphrase, or not readable: nobody can say.
    return undefined;
  }
}

function namesOf({ subjectAltName, subject }: X509Certificate): string[] {
  const names = Array.from((subjectAltName ?? '').matchAll(/(?:DNS|IP Address):("[^"]*"|[^,\s]+)/g), ([, name = '']) =>
    name.replace(/^"|"$/g, '').toLowerCase(),
  );
  if (names.length > 0) return names;
  // Without any, some clients still take the common name (RFC 6125, section 6.4.4).
  const common = /^CN=(.*)$/m.exec(subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}

/** Whether a certificate holds a name (RFC 6125, section 6.4.3: `*` stands for one whole label, the leftmost). */
export function holdsName({ names }: Pick<Certificate, 'names'>, wanted: string): boolean {
  const name = wanted.toLowerCase().replace(/\.$/, '');
  return names.some(
    (each) => each === name || (each.startsWith('*.') && name.indexOf('.') > 0 && name.slice(name.indexOf('.')) === each.slice(1)),
  );
}
