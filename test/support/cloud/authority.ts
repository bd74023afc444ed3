/** Certificates for servers of a test: an authority of its own, and what it issued for this host. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missing } from '../host.ts';
import { scratch } from '../tmp.ts';

export interface Authority {
  caFile: string;
  /** For `localhost` and 127.0.0.1. */
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
}

/** Why there can be none here, for `skip`, or false. */
export function noAuthority(): string | false {
  return missing('openssl');
}

export function authority(): Authority {
  const directory = scratch('ca');
  const at = (name: string): string => join(directory, name);
  const subject = (name: string): string[] => ['-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`];
  openssl('req', '-x509', ...subject('test authority'), '-days', '2', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  openssl(
    'req',
    ...subject('localhost'),
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    at('key.pem'),
    '-out',
    at('csr.pem'),
  );
  const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2'];
  openssl('x509', '-req', '-in', at('csr.pem'), ...signing, '-out', at('cert.pem'));
  const read = (name: string): string => readFileSync(at(name), 'utf8');
  return { caFile: at('ca.pem'), certFile: at('cert.pem'), keyFile: at('key.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

/** A certificate of an application, with its key, as the guides make one. */
export function clientCertificate(days = 30): { certFile: string; keyFile: string; cert: string; key: string } {
  const directory = scratch('cert');
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    String(days),
    '-subj',
    '/CN=mailrecover',
    '-keyout',
    keyFile,
    '-out',
    certFile,
  );
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${stderr}`);
}
