/** Two mail hosts under real systemd, with Postfix, Dovecot and sshd, on a network of their own with this host, two authoritative DNS servers and a resolver. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { createRepository } from '../../src/repository/repository.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { selfSigned } from './certificate.ts';
import { missing, run } from './host.ts';
import { Imap } from './imap.ts';
import { keepTrack, undo } from './leave.ts';
import { ask, DNS_PORT, startDns, TTL } from './pair-dns.ts';
import { listens, until } from './ports.ts';
import { bootSystemd, noSystemdHost, type SystemdHost } from './systemd-host.ts';
import { makeScratch } from './tmp.ts';

export const PASSWORD = 'correct horse';
export const USERS = ['alice@example.test', 'bob@example.test', 'canary@example.test'];
const UID = 5000;

export interface Pair {
  root: string;
  mx1: SystemdHost;
  mx2: SystemdHost;
  /** Addresses of the hosts, and the one that moves. */
  addresses: { mx1: string; mx2: string; vip: string; here: string; second: string; resolver: string };
  /** The configuration on this host, from which both are reached over SSH; `change` may alter the standby part, written as JSON. */
  config(change?: (standby: Record<string, unknown>) => void): string;
  repository: string;
  state: string;
  /** What the first authoritative DNS server says now. */
  dns(name: string, type: 'MX' | 'A'): Promise<string[]>;
  /** What a resolver says, which remembers answers for their TTL. */
  cached(name: string, type: 'MX' | 'A'): Promise<string[]>;
  /** Subjects of the mail in a user's INBOX on a host, by IMAP; sorted. */
  subjects(host: 'mx1' | 'mx2' | 'vip', user: string): Promise<string[]>;
  /** Hands a message to a host's port 25; throws unless it took it. @returns the queue id that it has there */
  send(host: 'mx1' | 'mx2' | 'vip', to: string, subject: string): Promise<string>;
  /** The same, to the host that the MX of the domain names. */
  sendToMx(to: string, subject: string): Promise<void>;
  /** The same, as senders elsewhere do: names are asked for at the resolver. @returns the host that took it */
  sendByName(to: string, subject: string): Promise<string>;
  /** {@link subjects} on the host that the resolver has for the name of IMAP. */
  subjectsByName(user: string): Promise<string[]>;
  /** mx1 loses its power: its processes are gone at once, and its line is dead. */
  powerLoss(): Promise<void>;
  /** The line of mx1 is cut, and mended; it lives on meanwhile. */
  cut(): void;
  mend(): void;
  /** mx1's port on the switch between the hosts: the network namespace of that, and the port. */
  port: { namespace: string; name: string };
  /** The journal of the newest switch that was begun from here. */
  record(): string;
  stop(): Promise<void>;
}

/** Why there can be no such pair here, or false. */
export function noPair(): string | false {
  return (
    noSystemdHost() ||
    missing('named', 'nsupdate', 'tsig-keygen', 'arping', 'ip', 'nft', 'sshd', 'ssh-keygen', 'postfix', 'dovecot', 'openssl')
  );
}

/** Where mail lies. */
const MAIL = '/srv/vmail/%d/%n/Maildir';

/** What differs between two that run at the same time: their network. */
let pairs = 0;

export interface PairOptions {
  /** Who has a mailbox, beside {@link USERS}. */
  users?: readonly string[];
  /** In which format mail lies; Maildir by default. */
  format?: 'mdbox' | 'sdbox';
  /** Room for what each host writes, as mount(8) takes it. */
  room?: string;
}

export async function bootPair(options: PairOptions = {}): Promise<Pair> {
  const users = [...USERS, ...(options.users ?? [])];
  const base = makeScratch('pair');
  const root = base.path;
  const number = (process.pid * 7 + pairs++ * 13) % 250;
  const net = `10.${100 + (number % 100)}.${(process.pid >> 3) % 250}`;
  const tag = `${process.pid % 100_000}${String.fromCharCode(96 + pairs)}`;
  const addresses = { mx1: `${net}.11`, mx2: `${net}.12`, vip: `${net}.100`, here: `${net}.1`, second: `${net}.2`, resolver: `${net}.3` };
  const names = ['sw', 'm1', 'm2'].map((each) => `mr${each}${tag}`);
  const [sw = '', ns1 = '', ns2 = ''] = names;
  const remove = (): void => {
    for (const name of names) spawnSync('ip', ['netns', 'delete', name]);
  };
  keepTrack({ path: join(root, 'net'), undo: remove, undoNow: remove });
  const ip = (...args: string[]): string => run('ip', args);
  for (const name of names) ip('netns', 'add', name);
  ip('-n', sw, 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', sw, 'link', 'set', 'br0', 'up');
  ip('link', 'add', `mr${tag}`, 'type', 'veth', 'peer', 'name', 'here', 'netns', sw);
  for (const own of [addresses.here, addresses.second, addresses.resolver]) ip('address', 'add', `${own}/24`, 'dev', `mr${tag}`);
  ip('link', 'set', `mr${tag}`, 'up');
  ip('-n', sw, 'link', 'set', 'here', 'master', 'br0', 'up');
  for (const [ns, address] of [
    [ns1, addresses.mx1],
    [ns2, addresses.mx2],
  ] as const) {
    ip('link', 'add', 'mail0', 'netns', ns, 'type', 'veth', 'peer', 'name', ns, 'netns', sw);
    ip('-n', sw, 'link', 'set', ns, 'master', 'br0', 'up');
    ip('-n', ns, 'link', 'set', 'lo', 'up');
    ip('-n', ns, 'address', 'add', `${address}/24`, 'dev', 'mail0');
    ip('-n', ns, 'link', 'set', 'mail0', 'up');
  }
  ip('-n', ns1, 'address', 'add', `${addresses.vip}/24`, 'dev', 'mail0');

  const at = (name: string): string => join(root, name);
  for (const name of ['client', 'host']) run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  selfSigned('DNS:mail.example.test', at('tls.key'), at('tls.pem'));
  writeFileSync(at('canary'), `${PASSWORD}\n`, { mode: 0o600 });
  const repository = at('repository');
  const state = at('state');
  mkdirSync(repository, { mode: 0o755 });
  await createRepository(localTarget(repository), { recipients: undefined, rescue: [] });

  await startDns(root, addresses);
  const hostKey = readFileSync(at('host.pub'), 'utf8').trim();
  const standby = (): Record<string, unknown> => ({
    primary: {
      name: 'mx1.example.test',
      state: '/var/lib/mailrecover',
      address: addresses.mx1,
      ssh: { host: addresses.mx1, key: `file:${at('client')}`, hostKey },
    },
    standby: {
      name: 'mx2.example.test',
      state: '/var/lib/mailrecover',
      address: addresses.mx2,
      ssh: { host: addresses.mx2, key: `file:${at('client')}`, hostKey },
    },
    domains: ['example.test'],
    drain: '20s',
    vip: { address: `${addresses.vip}/24`, device: 'mail0' },
    dns: [
      {
        zone: 'example.test',
        server: { address: addresses.here, port: DNS_PORT },
        tsig: { name: 'mover', secret: `file:${at('tsig')}` },
        wait: '20s',
        records: [
          { name: 'example.test', type: 'MX', ttl: TTL, primary: ['10 mx1.example.test.'], standby: ['10 mx2.example.test.'] },
          { name: 'imap.example.test', type: 'A', ttl: TTL, primary: [addresses.mx1], standby: [addresses.mx2] },
        ],
      },
    ],
    proof: {
      from: 'probe@example.net',
      to: 'canary@example.test',
      password: `file:${at('canary')}`,
      smtp: { host: addresses.vip, name: 'mail.example.test' },
      imap: { host: addresses.vip, name: 'mail.example.test' },
      caFile: at('tls.pem'),
    },
    sync: { program: ['/opt/mailrecover/bin/mailrecover'] },
  });
  const configOf = (part: Record<string, unknown>, name: string, stateAt: string): string =>
    `${JSON.stringify({ host: name, state: stateAt, stores: [{ name: 'mail', format: options.format ?? 'maildir', path: MAIL }], repository: { at: repository }, encryption: false, standby: part }, null, 2)}\n`;

  const boot = (name: 'mx1' | 'mx2', network: string): Promise<SystemdHost> =>
    bootSystemd(name, {
      network,
      binds: [repository],
      ...(options.room === undefined ? {} : { room: options.room }),
      prepare: (into) => {
        prepare(into, name, root, name === 'mx1', users, options.format);
        const part = standby();
        const own = part[name === 'mx1' ? 'primary' : 'standby'] as Record<string, unknown>;
        delete own['ssh'];
        const other = part[name === 'mx1' ? 'standby' : 'primary'] as { ssh: Record<string, unknown> };
        other.ssh['key'] = 'file:/root/.ssh/id_ed25519';
        writeFileSync(join(into, 'etc/mailrecover/mailrecover.yaml'), configOf(part, `${name}.example.test`, '/var/lib/mailrecover'));
      },
    });
  const [mx1, mx2] = await Promise.all([boot('mx1', ns1), boot('mx2', ns2)]);
  const ready = await until(
    async () =>
      (
        await Promise.all([listens(22, addresses.mx1), listens(22, addresses.mx2), listens(25, addresses.mx1), listens(143, addresses.mx1)])
      ).every(Boolean),
    60_000,
  );
  if (!ready)
    throw new Error(
      `the hosts do not listen:\n${mx1.run('systemctl', '--failed').out}\n${mx1.run('journalctl', '-n', '60', '--no-pager').out}`,
    );

  const send = async (address: string, to: string, subject: string): Promise<string> => {
    const transport = createTransport({
      host: address,
      port: 25,
      ignoreTLS: true,
      connectionTimeout: 3000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
    });
    try {
      const message = { from: 'sender@example.net', to, subject, messageId: `<${subject}@example.net>`, text: `${subject}\n` };
      const { response } = await transport.sendMail(message);
      return /queued as (\S+)/.exec(response)?.[1] ?? '';
    } finally {
      transport.close();
    }
  };
  const dns: Pair['dns'] = (name, type) => ask(addresses.here, name, type);
  const cached: Pair['cached'] = (name, type) => ask(addresses.resolver, name, type);
  const subjects = async (host: string, user: string): Promise<string[]> => {
    const client = await Imap.login({ host, ports: { imap: 143 }, password: PASSWORD }, user);
    try {
      await client.select('INBOX', { readOnly: true });
      return [...(await client.headers('SUBJECT')).values()].toSorted();
    } finally {
      await client.close();
    }
  };

  return {
    root,
    mx1,
    mx2,
    addresses,
    repository,
    state,
    config(change = () => undefined) {
      const part = standby();
      change(part);
      writeFileSync(at('mailrecover.yaml'), configOf(part, 'desk', state));
      return at('mailrecover.yaml');
    },
    dns,
    cached,
    send: (host, to, subject) => send(addresses[host], to, subject),
    async sendToMx(to, subject) {
      const [exchange = ''] = await dns('example.test', 'MX');
      const [address = ''] = await dns(exchange, 'A');
      await send(address, to, subject);
    },
    async sendByName(to, subject) {
      const [exchange = ''] = await cached('example.test', 'MX');
      const [address = ''] = await cached(exchange, 'A');
      await send(address, to, subject);
      return exchange;
    },
    subjects: (host, user) => subjects(addresses[host], user),
    async subjectsByName(user) {
      const [address = ''] = await cached('imap.example.test', 'A');
      return subjects(address, user);
    },
    async powerLoss() {
      await mx1.kill();
      ip('-n', sw, 'link', 'set', ns1, 'down');
    },
    cut: () => void ip('-n', sw, 'link', 'set', ns1, 'down'),
    mend: () => void ip('-n', sw, 'link', 'set', ns1, 'up'),
    port: { namespace: sw, name: ns1 },
    record() {
      const folder = join(state, 'standby/switches');
      const names = readdirSync(folder).map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }));
      return join(folder, names.toSorted((a, b) => b.time - a.time)[0]?.name ?? '');
    },
    async stop() {
      await Promise.all([mx1.stop(), mx2.stop()]);
      await undo(base);
    },
  };
}

function prepare(into: string, name: string, root: string, serves: boolean, users: readonly string[], format = 'maildir'): void {
  const at = (path: string): string => join(into, path);
  const put = (path: string, text: string, mode = 0o644): void => {
    writeFileSync(at(path), text);
    chmodSync(at(path), mode);
  };
  put('etc/hostname', `${name}\n`);
  for (const [file, line] of [
    ['etc/passwd', `mailrecvm:x:${UID}:${UID}::/srv/vmail:/usr/sbin/nologin\n`],
    ['etc/group', `mailrecvm:x:${UID}:\n`],
  ] as const)
    appendFileSync(at(file), line);
  // What the shells of this host's root run first is none of theirs.
  for (const file of ['.bashrc', '.bash_profile', '.profile']) rmSync(at(`root/${file}`), { force: true });
  mkdirSync(at('root/.ssh'), { recursive: true, mode: 0o700 });
  rmSync(at('root/.ssh/authorized_keys'), { force: true });
  copyFileSync(join(root, 'client.pub'), at('root/.ssh/authorized_keys'));
  copyFileSync(join(root, 'client'), at('root/.ssh/id_ed25519'));
  chmodSync(at('root/.ssh/id_ed25519'), 0o600);
  rmSync(at('etc/ssh/sshd_config.d'), { recursive: true, force: true });
  copyFileSync(join(root, 'host'), at('etc/ssh/mailrecover_host'));
  chmodSync(at('etc/ssh/mailrecover_host'), 0o600);
  put(
    'etc/ssh/sshd_config',
    'HostKey /etc/ssh/mailrecover_host\nPermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nMaxStartups 100\nSubsystem sftp internal-sftp\n',
  );
  copyFileSync(join(root, 'tls.pem'), at('etc/ssl/mail.pem'));
  copyFileSync(join(root, 'tls.key'), at('etc/ssl/mail.key'));
  chmodSync(at('etc/ssl/mail.key'), 0o600);
  mkdirSync(at('srv/vmail'), { recursive: true });
  run('chown', [`${UID}:${UID}`, at('srv/vmail')]);
  put(
    'etc/postfix/main.cf',
    `compatibility_level = 3.6
myhostname = ${name}.example.test
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
enable_long_queue_ids = yes
maillog_file = /var/log/postfix.log
virtual_mailbox_domains = example.test
virtual_mailbox_maps = inline:{ ${users.map((user) => `{ ${user} = ok }`).join(', ')} }
virtual_transport = lmtp:unix:private/dovecot-lmtp
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_tls_cert_file = /etc/ssl/mail.pem
smtpd_tls_key_file = /etc/ssl/mail.key
smtpd_tls_security_level = may
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 2s
disable_dns_lookups = yes
transport_maps = inline:{ { remote.test = smtp:[127.0.0.1]:9 } }
`,
  );
  const master = readFileSync(at('etc/postfix/master.cf'), 'utf8');
  // Without chroots: there is nothing in them.
  put(
    'etc/postfix/master.cf',
    master
      .replace(/^((?:[a-z0-9-]+)\s+(?:inet|unix|fifo|unix-dgram)\s+\S+\s+\S+\s+)y/gm, '$1n')
      .replace(/^((?:[a-z0-9-]+)\s+(?:inet|unix)\s+\S+\s+\S+\s+)-/gm, '$1n'),
  );
  put('etc/dovecot/users', users.map((user) => `${user}:{PLAIN}${PASSWORD}::::::\n`).join(''));
  put(
    'etc/dovecot/dovecot.conf',
    `protocols = imap lmtp
ssl = yes
ssl_cert = </etc/ssl/mail.pem
ssl_key = </etc/ssl/mail.key
disable_plaintext_auth = no
log_path = /var/log/dovecot.log
mail_uid = ${UID}
mail_gid = ${UID}
first_valid_uid = 100
mail_location = ${format}:${MAIL}
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
  default_fields = uid=${UID} gid=${UID} home=/srv/vmail/%d/%n
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
`,
  );
  run('chroot', [into, 'systemctl', 'enable', 'ssh', ...(serves ? ['postfix', 'dovecot'] : [])]);
}
