/** Which files of a mail server belong on its standby, too: not what is of one host alone. */
import type { ByteString } from '../../store/bytes.ts';
import type { Named } from '../../store/system/types.ts';

/** What packages bring, and what a host makes for itself. */
const OF_ONE_HOST = [
  /^\/etc\/postfix\/(?:dynamicmaps\.cf|postfix-files|post-install|postfix-script|makedefs\.out|(?:main|master)\.cf\.proto)/,
  /^\/etc\/dovecot\/mailrecover(?:\/|$)/,
  /^\/etc\/ssl\/private\/ssl-cert-snakeoil\.key$/,
  /^\/etc\/letsencrypt\/\.updated-options/,
  /^\/etc\/mailname$/,
  // What binds mail to units that the other host may not have.
  /^\/etc\/systemd\/system\/[^/]+\.d\/mailrecover-(?:guard|lease)\.conf$/,
  /\.dpkg-(?:old|dist|new|bak)$|~$|\/\.tmp-[0-9a-f]+$/,
];
const ROLES = new Set(['postfix', 'dovecot', 'map', 'tls', 'acme', 'dkim', 'sieve', 'users', 'filter', 'extra']);
/** Settings of units that others brought: `dovecot.service.d/limits.conf`. */
const DROP_INS =
  /^\/etc\/systemd\/system\/(?:postfix|dovecot|rspamd|opendkim|opendmarc|clamav|spamd|spamassassin|amavis|postgrey|policyd)[^/]*\.d\/[^/]+\.conf$/;
/** Directories of slapd: a directory server is replicated by its own means. */
const NOT_COPIED_BY = new Set(['slapd']);

export function isWanted(path: ByteString, { role, by }: Named): boolean {
  if (OF_ONE_HOST.some((pattern) => pattern.test(path)) || NOT_COPIED_BY.has(by)) return false;
  if (role === 'timer') return DROP_INS.test(path);
  if (!ROLES.has(role)) return false;
  // What filters learn and fetch is theirs; what they sign with is not.
  if (role === 'filter') return path.startsWith('/etc/') && !path.startsWith('/etc/fail2ban/');
  if (role === 'extra') return by === 'configuration of mailrecover' || path.startsWith('/etc/default/');
  return true;
}
