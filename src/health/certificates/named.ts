/** Which certificates Postfix and Dovecot present, by their configuration. */
import { MailrecoverError } from '../../errors/error.ts';
import { run } from '../../system/exec.ts';

/** postconf(5): the certificates of the SMTP server; a file of smtpd_tls_chain_files holds a key as well. */
const POSTFIX = ['smtpd_tls_cert_file', 'smtpd_tls_eccert_file', 'smtpd_tls_dcert_file', 'smtpd_tls_chain_files'];
/** Dovecot 2.3 (`ssl_cert = </path`) and 2.4 (`ssl_server_cert_file = /path`), in `local_name` and `protocol` blocks, too. */
const DOVECOT = /^\s*(ssl_cert|ssl_alt_cert|ssl_server_cert_file|ssl_server_alt_cert_file) = <?(\/\S+)\s*$/gm;

/**
 * The files by the settings that name them; empty where neither server is installed.
 * @throws MailrecoverError where one is installed and does not tell
 */
export async function namedCertificates(signal: AbortSignal | undefined): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const add = (path: string, by: string): void => {
    const known = found.get(path) ?? [];
    if (!known.includes(by)) found.set(path, [...known, by]);
  };
  // -P: what services of master.cf set for themselves, `smtps/inet/smtpd_tls_cert_file = /path`.
  for (const text of [await told('postconf', ['-x', ...POSTFIX], signal), await told('postconf', ['-x', '-P'], signal)])
    for (const [, key = '', value = ''] of text.matchAll(/^(\S+) = (.*)$/gm))
      if (POSTFIX.some((name) => key === name || key.endsWith(`/${name}`)))
        for (const path of value.split(/[\s,]+/)) if (path.startsWith('/')) add(path, `postfix ${key}`);
  for (const [, key = '', path = ''] of (await told('doveconf', ['-n'], signal)).matchAll(DOVECOT)) add(path, `dovecot ${key}`);
  return found;
}

async function told(program: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  try {
    return (await run(program, args, { timeoutMs: 20_000, ...(signal === undefined ? {} : { signal }) })).stdout;
  } catch (error) {
    if (error instanceof MailrecoverError && error.code === 'not-found') return '';
    throw error;
  }
}
