import * as z from 'zod';
import { capacityPart, cloudPart } from './cloud.ts';
import { duration } from './duration.ts';
import { reference, sshLogin } from './repository.ts';
import { preparePart, rehearsalPart } from './standby-prepare.ts';

const hostName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, "must be a host name: letters, digits, '.' and '-'");
const address = z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9.:-]*$/, 'must be an IP address or a host name');
const port = z.int().min(1).max(65_535);
/** An argument is never read by a shell, but a line feed or NUL in one is a mistake. */
// oxlint-disable-next-line no-control-regex
const argument = z.string().regex(/^[^\x00-\x1f]+$/, 'must be one line, and not empty');
const unit = z
  .string()
  .regex(
    /^[A-Za-z0-9:_.@-]+\.(service|timer|socket|path|target)$/,
    'must be the name of a unit with its kind behind it, such as postfix.service',
  );

const sshTarget = {
  host: address.meta({ description: 'its address for SSH', examples: ['192.0.2.11'] }),
  port: port.default(22).meta({ description: 'its port' }),
  user: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'must be the name of a user')
    .default('root')
    .meta({ description: 'who logs in; whatever is run needs the rights of root' }),
  ...sshLogin,
};

const sshPart = z.strictObject({
  ...sshTarget,
  via: z
    .strictObject(sshTarget)
    .optional()
    .meta({ description: 'a host that is logged in to first, from which alone this one is reached' }),
});

const hostPart = (example: string) =>
  z.strictObject({
    name: hostName.meta({ description: 'what the host is called; operators type this name to confirm', examples: [example] }),
    address: address.optional().meta({
      description: 'the address of this very host for mail, not one that moves between the two; by default that of ssh',
      examples: ['192.0.2.11'],
    }),
    state: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .optional()
      .meta({
        description: "the directory of mailrecover's state there; by default that of this host",
        examples: ['/var/lib/mailrecover'],
      }),
    ssh: sshPart
      .optional()
      .meta({ description: 'how commands are run there; without it they are run on the host that mailrecover runs on' }),
  });

const command = (example: string) => z.array(argument.meta({ examples: [example] })).min(1);

/** One way to make sure that the old host takes no mail any more. */
const fencePart = z
  .strictObject({
    kind: z.enum(['command', 'ssh', 'nft', 'lease', 'attestation']).meta({
      description:
        '`command`: power, hypervisor or cloud, by a program; `ssh`: services stopped and masked, and asked back; `nft`: mail ports rejected on the host itself; `lease`: waits until the host must have stopped by itself (`standby lease`); `attestation`: somebody types that it is off',
      examples: ['command'],
    }),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be lower-case letters, digits or '-'")
      .optional()
      .meta({ description: 'what it is called in records; by default its kind', examples: ['pdu'] }),
    off: command('/usr/local/sbin/mail-power-off').optional().meta({
      description:
        'for command: the program and its arguments that switches the host off; `{host}` stands for its name; no shell is involved',
    }),
    status: command('/usr/local/sbin/mail-power-status').optional().meta({
      description: 'for command: the program that tells whether it is off',
    }),
    expect: argument
      .optional()
      .meta({ description: 'for command: the text that must stand in what the status program prints', examples: ['Status: OFF'] }),
    on: command('/usr/local/sbin/mail-power-on').optional().meta({
      description: 'for command: the program that takes it back, where a switch is given up before the standby serves',
    }),
    timeout: duration('60s').prefault('60s').meta({ description: 'how long each program may take' }),
  })
  .superRefine((fence, context) => {
    const say = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    for (const key of ['off', 'status', 'expect'] as const) {
      if (fence.kind === 'command' && fence[key] === undefined) say(key, 'is needed with kind: command');
    }
    for (const key of ['off', 'status', 'expect', 'on'] as const) {
      if (fence.kind !== 'command' && fence[key] !== undefined) say(key, 'goes with kind: command only');
    }
  });

const dnsName = z
  .string()
  .regex(/^(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$/, 'must be a name in the DNS, such as mail.example.org');

const dnsServer = z.strictObject({
  address: z
    .string()
    .regex(/^[0-9a-fA-F.:]+$/, 'must be an IP address: names may not resolve when they are needed')
    .meta({ description: 'the IP address of the server', examples: ['192.0.2.53'] }),
  port: port.default(53).meta({ description: 'its port' }),
});

const recordPart = z.strictObject({
  name: dnsName.meta({ description: 'the full name', examples: ['example.org'] }),
  type: z.enum(['A', 'AAAA', 'MX', 'CNAME', 'TXT']).meta({ description: 'the type of the record', examples: ['MX'] }),
  ttl: z.int().min(1).max(604_800).default(300).meta({ description: 'its TTL after the switch, in seconds' }),
  primary: z
    .array(argument.meta({ examples: ['10 mx1.example.org.'] }))
    .min(1)
    .meta({ description: 'all its values while the primary serves; names with the dot behind them' }),
  standby: z
    .array(argument.meta({ examples: ['10 mx2.example.org.'] }))
    .min(1)
    .meta({ description: 'all its values while the standby serves' }),
});

const zonePart = z.strictObject({
  zone: dnsName.meta({ description: 'the zone', examples: ['example.org'] }),
  server: dnsServer.meta({ description: 'an authoritative server: it is asked, and takes updates (RFC 2136) unless `update` makes them' }),
  update: command('/usr/local/sbin/mail-dns').optional().meta({
    description:
      'a program with its arguments that changes the zone, for a provider without dynamic updates; on its standard input it gets `{"zone", "records": [{"name", "type", "ttl", "from", "to"}]}` with all values of what is to be changed; `{zone}` stands for the zone; no shell is involved',
  }),
  also: z
    .array(dnsServer)
    .default([])
    .meta({ description: 'all other authoritative servers, which must give the new answers before the switch is done' }),
  tsig: z
    .strictObject({
      name: dnsName.meta({ description: 'the name of the key', examples: ['mailrecover'] }),
      algorithm: z.enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512']).default('hmac-sha256').meta({ description: 'its algorithm' }),
      secret: reference('file:/etc/mailrecover/tsig').meta({ description: 'the secret in base64, by reference' }),
    })
    .optional()
    .meta({ description: 'the key that signs updates (RFC 8945)' }),
  wait: duration('2m').prefault('2m').meta({ description: 'how long the servers may take until they agree' }),
  records: z.array(recordPart).min(1).meta({ description: 'what is changed; MX, and the names of IMAP, submission and webmail' }),
});

const proofServer = {
  host: address
    .optional()
    .meta({ description: 'where to connect; by default the address of the host that serves', examples: ['192.0.2.12'] }),
  security: z
    .enum(['none', 'starttls', 'tls'])
    .default('starttls')
    .meta({ description: '`tls`: from the first byte; `starttls`: demanded; `none`: in the clear' }),
  name: hostName.optional().meta({ description: 'the name that must stand in its certificate', examples: ['mail.example.org'] }),
};

const proofPart = z.strictObject({
  from: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$/, 'must be an address')
    .meta({ description: 'the sender of the message', examples: ['probe@example.net'] }),
  to: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$/, 'must be an address')
    .meta({ description: 'the mailbox it is for', examples: ['canary@example.org'] }),
  user: argument.optional().meta({ description: 'who logs in over IMAP; by default the mailbox', examples: ['canary@example.org'] }),
  password: reference('file:/etc/mailrecover/canary').meta({ description: 'the password of that mailbox, by reference' }),
  smtp: z
    .strictObject({ ...proofServer, port: port.default(25).meta({ description: 'its port' }) })
    .prefault({})
    .meta({ description: 'where the message goes in' }),
  imap: z
    .strictObject({ ...proofServer, port: port.default(143).meta({ description: 'its port' }) })
    .prefault({})
    .meta({ description: 'where it must come out' }),
  caFile: z
    .string()
    .startsWith('/', 'must be an absolute path')
    .optional()
    .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/mailrecover/ca.pem'] }),
  wait: duration('60s').prefault('60s').meta({ description: 'how long the message may take' }),
});

/** The pair of hosts, and how mail is switched from one to the other. */
export const standbyPart = z
  .strictObject({
    primary: hostPart('mx1.example.org').meta({ description: 'the host that serves, as long as nothing was switched' }),
    standby: hostPart('mx2.example.org').meta({ description: 'the host that takes its place' }),
    domains: z
      .array(dnsName)
      .default([])
      .meta({ description: 'the mail domains', examples: ['example.org'] }),
    services: z
      .array(unit)
      .min(1)
      .default(['postfix.service', 'dovecot.service'])
      .meta({ description: 'the units of mail, in the order in which they are stopped; they are started the other way round' }),
    stopAlso: z
      .array(unit)
      .default([])
      .meta({
        description:
          'units of the old host that must not run either, such as timers that copy mail to the standby; they are not started on the standby',
        examples: ['mailrecover-sync.timer'],
      }),
    fences: z
      .array(fencePart)
      .min(1)
      .default([{ kind: 'ssh', timeout: 60 }])
      .meta({ description: 'how the old host is kept from taking mail, in the order in which it is tried' }),
    dns: z.array(zonePart).default([]).meta({ description: 'zones in which names are moved to the standby' }),
    vip: z
      .strictObject({
        address: z
          .string()
          .regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'must be an address and the length of its prefix, such as 192.0.2.10/24')
          .meta({ description: 'the address with the length of its prefix', examples: ['192.0.2.10/24'] }),
        device: z
          .string()
          .regex(/^[A-Za-z0-9_.-]{1,15}$/, 'must be the name of a network device')
          .meta({ description: 'the network device that carries it, on both hosts', examples: ['eth0'] }),
      })
      .optional()
      .meta({ description: 'a virtual IP address that moves' }),
    queue: z
      .boolean()
      .default(true)
      .meta({ description: "move Postfix's queue, so that mail that was accepted and not delivered yet goes on from the standby" }),
    sync: z
      .strictObject({
        program: command('mailrecover')
          .default(['mailrecover'])
          .meta({ description: 'how mailrecover is called on the other host, with options such as --config in front of the command' }),
        atOnce: z.int().min(1).max(64).default(4).meta({ description: 'how many mailboxes are synchronised at the same time' }),
      })
      .prefault({})
      .meta({ description: 'how mail is kept alike on both hosts (`standby sync`)' }),
    prepare: preparePart.prefault({}).meta({ description: 'what of the server is brought to the standby (`standby prepare`)' }),
    rehearsal: rehearsalPart
      .optional()
      .meta({ description: 'real mail out of the standby and into it, before the day (`standby rehearse`)' }),
    drain: duration('30s')
      .prefault('30s')
      .meta({ description: 'how long mail that is being delivered may take, once no more is accepted' }),
    lease: z
      .strictObject({
        seconds: duration('2m').prefault('2m').meta({
          description:
            'how long mail is served at most after this host last made sure, in the repository, that it is the one that serves; from 20s on',
        }),
        stop: duration('30s').prefault('30s').meta({ description: 'how long mail services may take to stop; then systemd kills them' }),
      })
      .refine(({ seconds }) => seconds >= 20, { path: ['seconds'], message: 'must be 20s or more' })
      .prefault({})
      .meta({ description: 'the lease by which a host serves, where `standby lease --install` was run on it' }),
    guard: z
      .strictObject({
        wait: duration('20s')
          .prefault('20s')
          .meta({ description: 'how long mail waits for an answer when this host boots, where nobody gives one' }),
        silence: z
          .enum(['start', 'hold'])
          .default('start')
          .meta({ description: 'where nobody can say who serves: `start`: mail starts; `hold`: it waits until somebody can' }),
        every: duration('2m').prefault('2m').meta({ description: 'how often it is asked while the host is up; from 10s on' }),
      })
      .refine(({ every }) => every >= 10, { path: ['every'], message: 'must be 10s or more' })
      .refine(({ wait }) => wait >= 5, { path: ['wait'], message: 'must be 5s or more' })
      .prefault({})
      .meta({ description: 'the question who serves, before mail starts, where `standby guard --install` was run' }),
    ledger: z
      .strictObject({
        log: z
          .string()
          .startsWith('/', 'must be an absolute path')
          .optional()
          .meta({
            description: "the file that Postfix logs to; by default Postfix's `maillog_file`, or /var/log/mail.log",
            examples: ['/var/log/mail.log'],
          }),
        wait: duration('2s')
          .refine((seconds) => seconds <= 5, 'must be 5s or less')
          .optional()
          .meta({
            description:
              'how long a message may be kept waiting until the other host has it in the list, where Postfix asks before it accepts (docs/standby.md); without it Postfix is not answered',
          }),
      })
      .prefault({})
      .meta({ description: 'the list of all mail that the host that serves accepted, kept on the other one (`standby ledger`)' }),
    allowedLoss: duration('5m').optional().meta({
      description: 'a forced switch needs no approval while the standby is at most so far behind; without it, each needs --allow-loss',
    }),
    capacity: capacityPart.optional(),
    clouds: z
      .array(cloudPart(zonePart.omit({ records: true }).shape))
      .default([])
      .meta({ description: 'services that may take the place of the host that serves (`standby promote --to NAME`)' }),
    proof: proofPart.optional().meta({ description: 'a real message that proves the switch: in by SMTP, out by IMAP' }),
  })
  .superRefine(({ primary, standby, fences, clouds }, context) => {
    const taken = new Set([primary.name.toLowerCase(), standby.name.toLowerCase()]);
    for (const [index, { name }] of clouds.entries()) {
      if (taken.has(name.toLowerCase()))
        context.addIssue({ code: 'custom', path: ['clouds', index, 'name'], message: `is the name of something else already: '${name}'` });
      taken.add(name.toLowerCase());
    }
    if (primary.name.toLowerCase() === standby.name.toLowerCase())
      context.addIssue({ code: 'custom', path: ['standby', 'name'], message: 'must not be the name of the primary' });
    if (primary.ssh === undefined && standby.ssh === undefined)
      context.addIssue({ code: 'custom', path: ['primary', 'ssh'], message: 'is missing: one of the two hosts is reached over SSH' });
    const names = new Set<string>();
    for (const [index, { kind, name = kind }] of fences.entries()) {
      if (names.has(name))
        context.addIssue({ code: 'custom', path: ['fences', index, 'name'], message: `is the name of another fence already: '${name}'` });
      names.add(name);
    }
  });
