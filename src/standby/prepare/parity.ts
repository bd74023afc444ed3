/** What differs between the two hosts and would be felt after a switch; each finding says what mends it. */
import { parsePackages } from '../../restore/system/facts.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import type { Disk, Survey } from './model.ts';
import { DOVECOT_PACKAGES } from './texts.ts';

export interface ParityOptions {
  primary: { name: string; address: string; survey: Survey };
  standby: { name: string; address: string; survey: Survey };
  /** Units that a switch starts itself. */
  services: readonly string[];
}

type Say = (severity: Finding['severity'], code: string, message: string, hint: string, subject?: string) => void;

export function parityFindings(options: ParityOptions): Finding[] {
  const findings: Finding[] = [];
  const say: Say = (severity, code, message, hint, subject) =>
    void findings.push({ severity, code, message, hint, ...(subject === undefined ? {} : { subject }) });
  versions(options, say);
  packages(options, say);
  mapTypes(options, say);
  for (const disk of options.primary.survey.disks) space(options, disk, say);
  clock(options, say);
  units(options, say);
  expiry(options, say);
  databases(options, say);
  return findings;
}

/** The first two numbers: what configuration files depend on. */
const series = (version: string): string => version.split('.').slice(0, 2).join('.');

function versions({ primary, standby }: ParityOptions, say: Say): void {
  const [a, b] = [primary.survey, standby.survey];
  for (const [name, here, there] of [
    ['Postfix', a.postfix?.version, b.postfix?.version],
    ['Dovecot', a.dovecot?.version, b.dovecot?.version],
  ] as const) {
    if (here === undefined) continue;
    if (there === undefined)
      say(
        'error',
        'not-installed',
        `${name} is not installed on '${standby.name}'`,
        `install it there: apt-get install ${name === 'Postfix' ? 'postfix' : DOVECOT_PACKAGES}`,
        name,
      );
    else if (series(here) !== series(there))
      say(
        name === 'Dovecot' ? 'error' : 'warning',
        'version-differs',
        `${name} is ${there} on '${standby.name}' and ${here} on '${primary.name}': the configuration of one may not be understood by the other`,
        'install the same version on both',
        name,
      );
  }
  if (a.mailrecover !== b.mailrecover)
    say(
      'warning',
      'version-differs',
      `mailrecover is ${b.mailrecover} on '${standby.name}' and ${a.mailrecover} on '${primary.name}'`,
      'install the same version on both',
      'mailrecover',
    );
  if (a.architecture !== b.architecture)
    say(
      'warning',
      'architecture-differs',
      `'${standby.name}' is ${b.architecture} and '${primary.name}' ${a.architecture}: indexes of maps and compiled Sieve scripts are built anew`,
      'nothing needs to be done, if all programs are there',
    );
}

const MAIL_PACKAGES =
  /^(?:postfix|dovecot|rspamd|opendkim|opendmarc|clamav|spamassassin|amavisd|postgrey|postsrsd|sasl2-bin|libsasl2-modules|redis-server|unbound|ca-certificates|rsync|certbot|fail2ban)/;

function packages({ primary, standby }: ParityOptions, say: Say): void {
  const [here, there] = [parsePackages(primary.survey.packages), parsePackages(standby.survey.packages)];
  if (here.size === 0 || there.size === 0) return;
  const missing = [...here.keys()].filter((name) => MAIL_PACKAGES.test(name) && !there.has(name));
  if (missing.length > 0)
    say(
      'error',
      'package-missing',
      `${missing.length === 1 ? 'a package of mail is' : `${missing.length} packages of mail are`} not installed on '${standby.name}': ${missing.join(', ')}`,
      `install them there: apt-get install ${missing.join(' ')}`,
    );
  const other = [...here].filter(
    ([name, { version }]) =>
      /^(?:postfix|dovecot-core|rspamd|opendkim)$/.test(name) && there.has(name) && there.get(name)?.version !== version,
  );
  for (const [name, { version }] of other)
    say(
      'info',
      'package-differs',
      `${name} is ${there.get(name)?.version ?? ''} on '${standby.name}' and ${version} on '${primary.name}'`,
      'bring both up to date: apt-get upgrade',
      name,
    );
}

/** Types of maps that main.cf uses and this Postfix does not have. */
function mapTypes({ primary, standby }: ParityOptions, say: Say): void {
  const types = new Set(standby.survey.postfix?.mapTypes ?? []);
  if (types.size === 0) return;
  const { settings = {}, given = [] } = primary.survey.postfix ?? {};
  const used = new Map<string, string>();
  for (const name of given)
    for (const [, type = ''] of (settings[name] ?? '').matchAll(/(?:^|[\s,{])(?:proxy:)?([a-z]+):(?=[/{])/g))
      if ((primary.survey.postfix?.mapTypes ?? []).includes(type)) used.set(type, name);
  for (const [type, name] of used)
    if (!types.has(type))
      say(
        'error',
        'map-type-missing',
        `Postfix on '${standby.name}' has no maps of type '${type}', which ${name} uses`,
        `install them there: apt-get install postfix-${type}`,
        name,
      );
}

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

function space({ primary, standby }: ParityOptions, disk: Disk, say: Say): void {
  const there = standby.survey.disks.find(({ path }) => path === disk.path);
  if (there === undefined) return;
  // What lies there already is counted as if it were mail of before.
  if (there.total < disk.used)
    say(
      'error',
      'disk-small',
      `the file system of ${disk.path} on '${primary.name}' holds ${gib(disk.used)}, and that of '${standby.name}' has room for ${gib(there.total)}`,
      `make it larger there: at least ${gib(disk.total)}`,
      disk.path,
    );
  else if (there.total < disk.used * 1.1)
    say(
      'warning',
      'disk-small',
      `the file system of ${disk.path} on '${standby.name}' would be full by a tenth more mail: ${gib(disk.used)} of ${gib(there.total)}`,
      `make it larger there: at least ${gib(disk.total)}`,
      disk.path,
    );
  const inodes = disk.inodes - disk.inodesFree;
  if (there.inodes > 0 && there.inodes < inodes * 1.1)
    say(
      'error',
      'inodes-few',
      `the file system of ${disk.path} on '${primary.name}' holds ${inodes} files, and that of '${standby.name}' takes ${there.inodes}`,
      'make the file system there with more inodes: mkfs.ext4 -N',
      disk.path,
    );
}

function clock({ primary, standby }: ParityOptions, say: Say): void {
  for (const { name, survey } of [primary, standby])
    if (survey.synchronised === false)
      say(
        'warning',
        'clock-free',
        `nothing keeps the clock of '${name}' right`,
        'install it there: apt-get install systemd-timesyncd, or chrony',
        name,
      );
  if (primary.survey.timeZone !== standby.survey.timeZone)
    say(
      'info',
      'time-zone',
      `'${standby.name}' is in the time zone ${standby.survey.timeZone}, and '${primary.name}' in ${primary.survey.timeZone}`,
      `set it there: timedatectl set-timezone ${primary.survey.timeZone}`,
      standby.name,
    );
}

/** Filters and databases beside Postfix and Dovecot, which a switch does not start. */
function units({ primary, standby, services }: ParityOptions, say: Say): void {
  const there = new Map(standby.survey.units.map((unit) => [unit.unit, unit]));
  for (const { unit, active } of primary.survey.units) {
    if (!active || services.includes(unit) || /^postfix[@-]|^dovecot/.test(unit) || /timesyncd|chron|ntp/.test(unit)) continue;
    const now = there.get(unit);
    if (now?.active !== true)
      say(
        'error',
        'unit-down',
        `${unit} runs on '${primary.name}', and ${now === undefined ? 'is not there' : 'does not run'} on '${standby.name}'`,
        now === undefined ? 'install it there' : `start it there: systemctl enable --now ${unit}`,
        unit,
      );
    else if (!now.enabled)
      say(
        'warning',
        'unit-not-enabled',
        `${unit} runs on '${standby.name}', but not after a boot`,
        `enable it there: systemctl enable ${unit}`,
        unit,
      );
  }
}

const DAY = 86_400_000;

function expiry({ standby }: ParityOptions, say: Say): void {
  for (const { path, notAfter, notBefore, keyFits } of standby.survey.certificates) {
    const left = Math.floor((Date.parse(notAfter) - now()) / DAY);
    const renew = `renew it, on '${standby.name}' as well as where it is made: the next 'standby prepare' copies it`;
    if (left < 0) say('error', 'certificate-expired', `${path} on '${standby.name}' expired on ${notAfter.slice(0, 10)}`, renew, path);
    else if (left < 14) say('warning', 'certificate-expires', `${path} on '${standby.name}' expires in ${left} days`, renew, path);
    if (Date.parse(notBefore) > now())
      say('error', 'certificate-not-yet', `${path} on '${standby.name}' is valid from ${notBefore.slice(0, 10)} on only`, renew, path);
    if (keyFits === false)
      say(
        'error',
        'key-does-not-fit',
        `the key beside ${path} on '${standby.name}' is not that of the certificate`,
        'copy both from the primary: mailrecover standby prepare',
        path,
      );
  }
}

/** Databases of the primary itself are not on the standby by being named in a file. */
function databases({ primary, standby }: ParityOptions, say: Say): void {
  const told = new Set<string>();
  for (const { kind, path, by } of primary.survey.databases) {
    const key = `${kind} ${path ?? by}`;
    if (told.has(key)) continue;
    told.add(key);
    say(
      'warning',
      'database',
      path === undefined
        ? `'${by}' reads ${kind === 'ldap' ? 'an LDAP directory' : `a database (${kind})`}: see that it answers on '${standby.name}' when '${primary.name}' is dead`
        : `'${by}' reads the database ${path}, which is not copied while it is written`,
      path === undefined
        ? 'replicate it by its own means; people log in by the snapshot meanwhile: mailrecover standby prepare --logins snapshot'
        : `copy it by its own means: sqlite3 ${path} '.backup FILE'`,
      path ?? by,
    );
  }
}
