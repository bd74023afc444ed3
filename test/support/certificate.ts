/** Certificates that vouch for themselves. */
import { run } from './host.ts';

/** Makes one with its key, good for a month. @param name what it is for: `DNS:mail.example.org`, `IP:127.0.0.1` */
export function selfSigned(name: string, key: string, certificate: string): void {
  const subject = `/CN=${name.slice(name.indexOf(':') + 1)}`;
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('openssl', [
    'req',
    '-x509',
    ...ec,
    '-days',
    '30',
    '-subj',
    subject,
    '-addext',
    `subjectAltName=${name}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
}
