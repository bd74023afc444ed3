/** What went wrong on the way to a server, before it answered. All of it is temporary: the mail is tried again. */
import { systemCode } from '../errors/error.ts';
import type { Refusal } from './refusal.ts';

const NETWORK: Record<string, [message: string, hint: string]> = {
  ENOTFOUND: ['there is no such host, or the name service does not know it', 'look with: getent hosts'],
  EAI_AGAIN: ['the name service does not answer', 'look at /etc/resolv.conf and try: getent hosts'],
  ECONNREFUSED: ['nobody listens there', 'check the host and the port'],
  EHOSTUNREACH: ['there is no way to the host', 'check the network and the firewall'],
  ENETUNREACH: ['there is no way to the network', 'check the network and the firewall'],
  ETIMEDOUT: ['it did not answer in time', 'check the firewall: the port must be open outwards'],
  ECONNRESET: ['it closed the connection', 'try again; where it stays so, a firewall may cut it off'],
  EPIPE: ['it closed the connection', 'try again; where it stays so, a firewall may cut it off'],
};

/** The refusal that a failed connection amounts to; undefined for an error that has nothing to do with one. */
export function networkRefusal(error: unknown, host: string): Refusal | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = systemCode(at) ?? '';
    // The SMTP client has codes of its own, and the system's in its message.
    const [message, hint] = NETWORK[code] ?? NETWORK[/\bE[A-Z_]{4,}\b/.exec(at.message)?.[0] ?? ''] ?? [];
    if (message !== undefined && hint !== undefined) {
      const named = hint.endsWith('getent hosts') ? `${hint} ${host.replace(/:\d+$/, '')}` : hint;
      return { code: 'unreachable', permanent: false, message: `unable to reach ${host}: ${message}`, hint: named };
    }
    if (/^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ESOCKET$|ETLS$|EPROTO$)/.test(code) && isTls(code, at.message)) {
      return {
        code: 'tls',
        permanent: false,
        message: `no safe connection to ${host}: ${tlsMeaning(code, at.message)}`,
        hint: 'where the server is right, name the certificate of its authority as caFile',
      };
    }
    if (/^(?:TimeoutError|AbortError)$/.test(at.name))
      return { code: 'unreachable', permanent: false, message: `${host} did not answer in time`, hint: 'check the firewall' };
  }
  return undefined;
}

function isTls(code: string, message: string): boolean {
  return code !== 'ESOCKET' || /certificate|TLS|SSL|altname/i.test(message);
}

function tlsMeaning(code: string, message: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || message.includes('altnames')) return 'its certificate is for another name';
  if (/SELF_SIGNED|UNABLE_TO/.test(code)) return 'its certificate was not issued by an authority that is known here';
  return message.split('\n', 1)[0]?.slice(0, 200) ?? code;
}
