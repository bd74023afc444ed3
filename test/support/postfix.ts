/** A private Postfix on a free port of 127.0.0.1. */
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { idOf } from './dovecot.ts';
import { missing, run } from './host.ts';
import { keepTrack, type Leftover, undo } from './leave.ts';
import { freePorts, listens, until } from './ports.ts';
import { makeScratch } from './tmp.ts';

export interface PostfixOptions {
  name: string;
  domain: string;
  /** Where LMTP takes mail; a port on which nobody listens keeps it in the queue. */
  lmtpPort: number;
  /** More lines of main.cf and master.cf. */
  main?: string;
  master?: string;
}

export interface Postfix {
  name: string;
  root: string;
  config: string;
  queue: string;
  port: number;
  /** Runs one of Postfix's programs on this instance. */
  tool: (program: string, ...args: string[]) => string;
  /** What the queue holds, as `postqueue -j` says it. */
  listQueue: () => { queue_name: string; queue_id: string; recipients: { address: string }[] }[];
  /** Hands in a message by sendmail(1). */
  send: (from: string, to: string, message: string) => void;
  log: () => string;
  start: () => Promise<void>;
  stop: () => void;
}

/** Why no Postfix can be started here, for `skip` of a test, or false. */
export function noPostfix(): string | false {
  return missing('root', 'postfix', 'postconf', 'postqueue', 'sendmail');
}

/** Makes an instance and starts it; stopped and removed at the end of the test file. */
export async function postfix(options: PostfixOptions): Promise<Postfix> {
  const { server, end } = await make(options);
  after(end);
  await server.start();
  return server;
}

/** The same outside of a test: to be stopped by the caller; what it leaves goes with the process. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const { server } = await make(options);
  await server.start();
  return server;
}

async function make(options: PostfixOptions): Promise<{ server: Postfix; end: () => Promise<void> }> {
  const scratch = makeScratch('pf');
  const [port = 0] = await freePorts(1);
  const server = makePostfix(scratch.path, port, options);
  const leftover: Leftover = keepTrack({
    path: join(scratch.path, 'etc'),
    undo: async () => {
      server.stop();
      await undo(scratch);
    },
    undoNow: () => {
      server.stop();
      rmSync(scratch.path, { recursive: true, force: true });
    },
  });
  return { server, end: () => undo(leftover) };
}

function makePostfix(root: string, port: number, options: PostfixOptions): Postfix {
  const [config, queue, data] = ['etc', 'queue', 'data'].map((name) => join(root, name)) as [string, string, string];
  for (const path of [config, queue, data]) mkdirSync(path, { mode: 0o755 });
  chownSync(data, idOf('postfix').uid, 0);
  writeFileSync(join(config, 'main.cf'), mainCf(root, options));
  writeFileSync(join(config, 'master.cf'), `127.0.0.1:${port} inet n - n - - smtpd\n${MASTER}${options.master ?? ''}`);
  const log = (): string => (existsSync(join(root, 'maillog')) ? readFileSync(join(root, 'maillog'), 'utf8') : '');
  const tool = (program: string, ...args: string[]): string => run(program, ['-c', config, ...args]);
  const isUp = (): boolean => {
    try {
      tool('postfix', 'status');
      return true;
    } catch {
      return false;
    }
  };
  return {
    name: options.name,
    root,
    config,
    queue,
    port,
    tool,
    log,
    listQueue: () =>
      tool('postqueue', '-j')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as ReturnType<Postfix['listQueue']>[number]),
    send: (from, to, message) => void run('sendmail', ['-C', config, '-f', from, to], message),
    async start() {
      tool('postfix', 'start');
      if (!(await until(() => listens(port), 30_000))) throw new Error(`postfix did not start:\n${log()}`);
    },
    stop() {
      if (isUp()) tool('postfix', 'abort');
      // Its master ends by itself, soon.
      for (let round = 0; round < 200 && isUp(); round++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    },
  };
}

function mainCf(root: string, { name, domain, lmtpPort, main = '' }: PostfixOptions): string {
  return `compatibility_level = 3.6
queue_directory = ${root}/queue
data_directory = ${root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
multi_instance_name = postfix-${name}
multi_instance_enable = yes
maillog_file = ${root}/maillog
maillog_file_prefixes = /tmp, /var, /dev/stdout
myhostname = ${name}.${domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = ${domain}
virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}
default_transport = error:no outbound mail
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_dns_support_level = disabled
minimal_backoff_time = 300s
queue_run_delay = 300s
biff = no
${main}`;
}

const MASTER = `postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
`;
