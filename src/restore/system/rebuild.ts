/** The written order in which a server is built again, with the very commands. */
import { HELD_BEFORE } from './place.ts';
import { RESERVED } from '../../store/system/types.ts';
import type { Differences } from './compare.ts';
import type { ServerFacts } from './facts.ts';

export interface RebuildOptions {
  /** Where the server was restored, absolute. */
  to: string;
  snapshot: string;
  time: string;
  facts: ServerFacts;
  differences: Differences;
  /** Owners of what was restored. */
  owners: ReadonlySet<string>;
  /** Queue directories that were restored, as `<instance>/<queue>`, with the number of messages in each. */
  queues: ReadonlyMap<string, number>;
}

/** Files that say which host this is: a new host has its own. */
const OF_THE_HOST = 'host';
/** The list of what is copied. */
export const COPY_LIST = `${RESERVED}/copy.txt`;
const MAIL_UNITS =
  /^(?:postfix|dovecot|opendkim|opendmarc|rspamd|redis|spamd|spamassassin|amavis|clamav|postgrey|postsrsd|saslauthd|slapd|mariadb|mysql|postgresql|unbound|fail2ban|cron)\b/;

/** A path for a shell. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Whether a file is copied onto a new host as it was: all but those that say which host it is. */
export function isCopied(path: string, facts: ServerFacts): boolean {
  return facts.files.find((file) => file.path === path)?.role !== OF_THE_HOST;
}

export function rebuildText(options: RebuildOptions): string {
  const { to, snapshot, time, facts } = options;
  const host = facts.host.find(([name]) => name === 'host')?.[1] ?? 'the server';
  const system = facts.host.find(([name]) => name === 'system')?.[1] ?? 'its system';
  const sections = [packages, users, files, databases, keys, mail, queue, services, dns, checks].flatMap((make) => {
    const made = make(options);
    return made === undefined ? [] : [made];
  });
  return [
    `# Building ${host} again`,
    `From snapshot ${snapshot.slice(0, 16)} of ${time}, in the order that works. ${host} ran ${system}. Run the commands as root, in a shell in this directory:`,
    block([`cd ${quoted(to)}`]),
    `What differs from the host on which this was restored stands in DIFFERENCES.txt. If the old server may still run, switch it off, or take it from the network, before the first mail is accepted here: two servers with one queue deliver twice.`,
    ...sections.map(({ title, text }, index) => `## ${index + 1}. ${title}\n\n${text}`),
  ]
    .join('\n\n')
    .concat('\n');
}

interface Part {
  title: string;
  text: string;
}

type Make = (options: RebuildOptions) => Part | undefined;

function block(lines: readonly string[]): string {
  return `\`\`\`sh\n${lines.join('\n')}\n\`\`\``;
}

const packages: Make = ({ facts, differences }) => {
  const missing = differences.packages.missing.filter((name) => facts.packages.get(name)?.manual === true);
  const others = differences.packages.otherVersion.filter(({ name }) =>
    /^(?:postfix|dovecot|rspamd|opendkim|mariadb-server|postgresql-\d|slapd)/.test(name),
  );
  const notes = others.map(
    ({ name, here, version }) =>
      `${name} is ${here} here and was ${version}: read what changed between them before its configuration is copied.`,
  );
  if (missing.length === 0 && notes.length === 0)
    return { title: 'Packages', text: 'All packages that an administrator had asked for are installed here.' };
  const install = block([
    "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d   # nothing starts yet",
    'apt-get update',
    `apt-get install ${missing.map(quoted).join(' ')}`,
    'rm /usr/sbin/policy-rc.d',
  ]);
  return {
    title: 'Packages',
    text: [
      ...(missing.length > 0
        ? [
            `${missing.length} packages that an administrator had asked for are missing here. Package sources of others (/etc/apt) come first, where there were any.`,
            install,
          ]
        : []),
      ...notes,
    ].join('\n\n'),
  };
};

const users: Make = ({ facts, differences, owners }) => {
  const isWanted = (name: string): boolean => owners.has(name);
  const groupsOfUsers = new Set(
    differences.users
      .filter(({ name, difference }) => difference === 'missing' && isWanted(name))
      .map(({ name }) => facts.users.get(name)?.rest[0]),
  );
  const lines: string[] = [];
  for (const { name, id, difference } of differences.groups)
    if (difference === 'missing' && (isWanted(name) || groupsOfUsers.has(String(id))))
      lines.push(`getent group ${quoted(name)} || groupadd --gid ${id} ${quoted(name)}`);
  for (const { name, id, difference } of differences.users) {
    if (difference !== 'missing' || !isWanted(name)) continue;
    const [group = '', , home = '/nonexistent', shell = '/usr/sbin/nologin'] = facts.users.get(name)?.rest ?? [];
    lines.push(
      `id ${quoted(name)} || useradd --uid ${id} --gid ${group} --home-dir ${quoted(home)} --no-create-home --shell ${quoted(shell)} ${quoted(name)}`,
    );
  }
  const moved = [...differences.users, ...differences.groups].filter(({ name, difference }) => difference === 'number' && isWanted(name));
  const notes = moved.map(
    ({ name, id, here }) =>
      `${name} has the number ${here ?? '?'} here and had ${id}: files are given by name, but look for ${id} in the configuration (\`first_valid_uid\`, \`virtual_uid_maps\`, \`mail_uid\`).`,
  );
  if (lines.length === 0 && notes.length === 0)
    return { title: 'Users and groups', text: 'All owners of what was restored are known here, with the same numbers.' };
  return {
    title: 'Users and groups',
    text: [
      ...(lines.length > 0
        ? [
            'Packages make most of their users; these were missing when this was restored:',
            block(lines),
            'What belonged to them was given to root. Once they are there, restore the server again into another empty directory, and go on there.',
          ]
        : []),
      ...notes,
    ].join('\n\n'),
  };
};

const files: Make = ({ facts }) => {
  const host = facts.files.filter(({ role }) => role === OF_THE_HOST).map(({ path }) => path);
  const indexes = facts.files.flatMap(({ path, role }) => {
    const [, source, ending] = /^(.*)\.(db|lmdb|cdb)$/.exec(path) ?? [];
    if (role !== 'map' || source === undefined || !facts.files.some((file) => file.path === source) || source === '/etc/aliases') return [];
    return [`postmap ${quoted(`${ending === 'db' ? 'hash' : ending}:${source}`)}`];
  });
  return {
    title: 'Files',
    text: [
      `${COPY_LIST} lists what is copied, with owners and modes. What lies there now is kept beside it.`,
      block([
        `(cd / && tar --create --gzip --ignore-failed-read --file /root/before-rebuild.tar.gz --null --no-recursion --verbatim-files-from --files-from "$OLDPWD"/${COPY_LIST})`,
        `tar --create --null --no-recursion --verbatim-files-from --files-from ${COPY_LIST} --file - | tar --extract --preserve-permissions --directory / --file -`,
        ...(facts.files.some(({ path }) => path === '/etc/aliases') ? ['newaliases'] : []),
        ...new Set(indexes),
        'systemctl daemon-reload',
      ]),
      ...(host.length > 0
        ? [
            `These say which host it is, and are not copied; take from them by hand what the new host needs:`,
            host.map((path) => `- ${path.slice(1)}`).join('\n'),
          ]
        : []),
    ].join('\n\n'),
  };
};

const databases: Make = ({ facts }) => {
  if (facts.databases.length === 0) return undefined;
  const text = facts.databases.map(({ name, preset, file, restore }) => {
    const path = quoted(`${RESERVED}/dumps/${file}`);
    const lines =
      restore.length > 0
        ? restore.map((line) => line.replaceAll('@FILE@', path))
        : [`# ${path} is an older dump: the last ones had failed`];
    return `${name} (${preset}):\n\n${block(lines)}`;
  });
  return { title: 'Databases', text: ['Start the database servers first.', ...text].join('\n\n') };
};

const keys: Make = ({ facts }) => {
  const some = facts.files.filter(({ role }) => ['dkim', 'tls', 'acme'].includes(role));
  if (some.length === 0) return undefined;
  const of = (...roles: string[]): string[] => some.filter(({ role }) => roles.includes(role)).map(({ path }) => path);
  const lines = [
    ...of('tls')
      .filter((path) => /\.(?:pem|crt|cert)$/.test(path))
      .map((path) => `openssl x509 -noout -subject -enddate -in ${quoted(path)}`),
    ...(of('acme').some((path) => path.startsWith('/etc/letsencrypt/')) ? ['certbot renew --dry-run   # once DNS points here'] : []),
    ...(of('dkim').length > 0
      ? [
          '# DKIM: the public key in DNS must be that of the key file',
          ...of('dkim')
            .filter((path) => /\.(?:private|key|pem)$/.test(path))
            .map((path) => `openssl rsa -in ${quoted(path)} -pubout -outform DER | base64 -w0; echo`),
        ]
      : []),
  ];
  return {
    title: 'DKIM and TLS',
    text: ['The files are in place by step 3. See that they are valid, and whose they are:', block(lines)].join('\n\n'),
  };
};

const mail: Make = ({ snapshot }) => ({
  title: 'Mail',
  text: [
    'Restore the mail where the stores of the configuration have it; the directory must be empty. KEY is the file with the private key of the backups, which is in no backup: it is on the recovery sheet.',
    block([
      `mailrecover restore ${snapshot.slice(0, 16)} --identity KEY --to /srv/restored-mail`,
      'mv /srv/restored-mail /var/vmail       # where the fixed part of the path of the store is',
    ]),
  ].join('\n\n'),
});

const queue: Make = ({ facts, queues }) => {
  const total = [...queues.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const text = facts.instances.flatMap(({ name, config, queue: place }) => {
    const at = `${RESERVED}/queue/${name}`;
    const count = (kind: string): number => queues.get(`${name}/${kind}`) ?? 0;
    if (count('hold') + count(HELD_BEFORE) + count('maildrop') === 0) return [];
    const logs = ['defer', 'bounce', 'trace'].filter((kind) => queues.has(`${name}/${kind}`));
    const lines = [
      `postfix -c ${quoted(config)} status || postfix -c ${quoted(config)} start`,
      ...logs.map((kind) => `cp -a ${quoted(`${at}/${kind}/.`)} ${quoted(`${place}/${kind}/`)}`),
      ...(count('hold') > 0 ? [`cp -an ${quoted(`${at}/hold/.`)} ${quoted(`${place}/hold/`)}`] : []),
      `postsuper -c ${quoted(config)} -s        # gives short queue ids their new names`,
      `postqueue -c ${quoted(config)} -p        # ! marks what is on hold`,
      '# once the checks below are good, and the old server is off:',
      `postsuper -c ${quoted(config)} -H ALL`,
      `postqueue -c ${quoted(config)} -f`,
    ];
    const notes = [
      ...(count(HELD_BEFORE) > 0
        ? [
            `${count(HELD_BEFORE)} messages had been on hold already, and lie in ${at}/${HELD_BEFORE}: copy them to ${place}/hold after the others were released.`,
          ]
        : []),
      ...(count('maildrop') > 0
        ? [
            `${count('maildrop')} messages had been handed in and not taken up yet, and lie in ${at}/maildrop: copy them to ${place}/maildrop at the very end; they go out at once.`,
          ]
        : []),
    ];
    return [`${name}, ${count('hold')} messages:`, block(lines), ...notes];
  });
  return {
    title: 'Queue',
    text: [
      'The queue comes back on hold: nothing goes out before you let it. What the old server has delivered since the snapshot would be delivered again: compare with its log, if you have it.',
      ...text,
    ].join('\n\n'),
  };
};

const services: Make = ({ facts, differences }) => {
  const enable = differences.services.filter((unit) => MAIL_UNITS.test(unit));
  const start = facts.services.map(([unit]) => unit).filter((unit) => MAIL_UNITS.test(unit) && unit.endsWith('.service'));
  const timers = differences.services.filter((unit) => unit.endsWith('.timer'));
  const lines = [
    ...(enable.length + timers.length > 0 ? [`systemctl enable ${[...new Set([...enable, ...timers])].map(quoted).join(' ')}`] : []),
    ...(start.length > 0 ? [`systemctl restart ${[...new Set(start)].map(quoted).join(' ')}`] : ['systemctl restart postfix dovecot']),
    'mailrecover schedule show   # the nightly backup is part of the server',
  ];
  return { title: 'Services', text: block(lines) };
};

const dns: Make = ({ facts }) => {
  if (facts.dns.length === 0) return undefined;
  const rows = facts.dns.map(([name, type, value]) => `${name}  ${type}  ${value}`);
  return {
    title: 'DNS',
    text: [
      'As it was at the snapshot. Where the new host has another address, change A and AAAA, SPF where it names addresses, and have the provider change PTR; TLSA where the certificate is another.',
      `\`\`\`\n${rows.join('\n')}\n\`\`\``,
    ].join('\n\n'),
  };
};

const checks: Make = ({ facts }) => ({
  title: 'Checks',
  text: [
    'Each must be silent, or say what is expected, before the queue is released and the DNS points here.',
    block([
      ...facts.instances.map(({ config }) => `postfix -c ${quoted(config)} check`),
      'doveconf -n > /dev/null',
      "doveadm user '*' | head",
      'mailrecover verify --level server',
      'mailrecover backup',
      "printf 'Subject: test\\n\\ntest\\n' | sendmail -v YOU@ELSEWHERE    # then answer it",
    ]),
  ].join('\n\n'),
});
