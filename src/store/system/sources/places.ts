/** Where Debian and the programs around a mail server keep what belongs to it. */
import type { Named, Role, UsedDatabase } from '../types.ts';
import { beforeVariables, configText, isKept, kindOf, pathsIn } from './paths.ts';

const PLACES: readonly (readonly [Role, by: string, ...paths: string[]])[] = [
  ['map', 'aliases', '/etc/aliases', '/etc/aliases.db'],
  ['dkim', 'OpenDKIM', '/etc/opendkim.conf', '/etc/opendkim', '/etc/dkimkeys', '/etc/default/opendkim'],
  ['filter', 'Rspamd', '/etc/rspamd', '/var/lib/rspamd'],
  [
    'filter',
    'SpamAssassin',
    '/etc/spamassassin',
    '/etc/mail/spamassassin',
    '/var/lib/spamassassin',
    '/etc/default/spamassassin',
    '/etc/default/spamd',
  ],
  ['filter', 'Amavis', '/etc/amavis', '/var/lib/amavis/.spamassassin'],
  ['filter', 'ClamAV', '/etc/clamav', '/etc/default/clamav-milter'],
  ['filter', 'Postgrey', '/etc/postgrey', '/etc/default/postgrey'],
  ['filter', 'OpenDMARC', '/etc/opendmarc.conf', '/etc/opendmarc', '/etc/default/opendmarc'],
  ['filter', 'postsrsd', '/etc/postsrsd.secret', '/etc/postsrsd.conf', '/etc/default/postsrsd'],
  [
    'filter',
    'policy daemons',
    '/etc/postfix-policyd-spf-python',
    '/etc/mta-sts-daemon.yml',
    '/etc/fail2ban/jail.local',
    '/etc/fail2ban/jail.d',
  ],
  ['users', 'saslauthd', '/etc/default/saslauthd', '/etc/sasldb2', '/etc/saslauthd.conf', '/etc/ldap/ldap.conf'],
  ['users', 'slapd', '/etc/ldap/slapd.d', '/etc/ldap/slapd.conf', '/etc/default/slapd'],
  ['acme', 'certbot', '/etc/letsencrypt'],
  ['acme', 'acme.sh', '/root/.acme.sh', '/etc/acme.sh'],
  ['acme', 'dehydrated', '/etc/dehydrated', '/var/lib/dehydrated'],
  ['acme', 'lego', '/etc/lego', '/var/lib/lego'],
  ['tls', 'ssl-cert', '/etc/ssl/private', '/etc/ssl/local', '/usr/local/share/ca-certificates'],
  [
    'timer',
    'cron',
    '/etc/crontab',
    '/etc/cron.d',
    '/etc/cron.hourly',
    '/etc/cron.daily',
    '/etc/cron.weekly',
    '/etc/cron.monthly',
    '/var/spool/cron/crontabs',
    '/etc/anacrontab',
  ],
  ['timer', 'systemd', '/etc/systemd/system'],
  [
    'host',
    'system',
    '/etc/mailname',
    '/etc/hostname',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/etc/nsswitch.conf',
    '/etc/fstab',
    '/etc/network/interfaces',
    '/etc/network/interfaces.d',
    '/etc/systemd/network',
    '/etc/netplan',
    '/etc/apt/sources.list',
    '/etc/apt/sources.list.d',
    '/etc/apt/preferences',
    '/etc/apt/preferences.d',
  ],
  [
    'extra',
    'defaults',
    '/etc/default/postfix',
    '/etc/default/dovecot',
    '/etc/default/rspamd',
    '/etc/logrotate.d',
    '/etc/security/limits.d',
  ],
  ['host', 'kernel and firewall', '/etc/sysctl.d', '/etc/nftables.conf', '/etc/iptables'],
];

/** Those of the usual places that are there. */
export function usualPlaces(): Named[] {
  const named: Named[] = [];
  for (const [role, by, ...paths] of PLACES)
    for (const path of paths) if (kindOf(path) !== undefined) named.push({ path, role, by, optional: true });
  return [...named, ...opendkimKeys('/etc/opendkim.conf'), ...rspamdKeys('/etc/rspamd')];
}

/** Rspamd keeps what it has learned (statistics, fuzzy hashes, reputation) in Redis where one of these files names servers. */
export function rspamdDatabases(config = '/etc/rspamd'): UsedDatabase[] {
  const files = ['local.d', 'override.d'].flatMap((folder) =>
    ['redis.conf', 'classifier-bayes.conf'].map((file) => `${config}/${folder}/${file}`),
  );
  const by = files.find((file) => /^\s*(?:write_|read_)?servers\s*=/m.test(configText(file)));
  return by === undefined ? [] : [{ kind: 'redis', by }];
}

/** KeyFile, KeyTable, SigningTable … (opendkim.conf(5)), and the key files that the tables name. */
export function opendkimKeys(config: string): Named[] {
  const named: Named[] = [];
  for (const [, setting = '', value = ''] of configText(config).matchAll(/^\s*(\w+)\s+(\S.*)$/gm)) {
    for (const path of pathsIn(value)) {
      if (!isKept(path) || kindOf(path) !== 'file') continue;
      named.push({ path, role: 'dkim', by: `opendkim.conf: ${setting}`, ...(setting === 'KeyFile' ? { secret: true } : {}) });
      if (setting !== 'KeyTable') continue;
      for (const key of pathsIn(configText(path)))
        if (kindOf(key) === 'file') named.push({ path: key, role: 'dkim', by: path, secret: true });
    }
  }
  return named;
}

/** `path = "/var/lib/rspamd/dkim/$domain.$selector.key"` in dkim_signing.conf and arc.conf. */
export function rspamdKeys(config: string): Named[] {
  const named: Named[] = [];
  for (const folder of ['local.d', 'override.d', 'modules.d']) {
    for (const file of ['dkim_signing.conf', 'arc.conf']) {
      const from = `${config}/${folder}/${file}`;
      for (const path of pathsIn(configText(from))) {
        const place = beforeVariables(path) ?? path;
        if (isKept(place) && kindOf(place) !== undefined) named.push({ path: place, role: 'dkim', by: from, secret: true });
      }
    }
  }
  return named;
}
