/**
 * A Ceph cluster of one monitor and one disk in a file, with an S3 gateway, on 127.0.0.1: started by `radosgw()` as a process of its own,
 * shared by all tests that run at the moment, and gone when none does.
 *
 *   node radosgw-serve.ts DIRECTORY
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { findProgram, run } from './host.ts';
import { freePorts } from './ports.ts';

const directory = process.argv[2] ?? '';
const conf = join(directory, 'ceph.conf');
const children: ChildProcess[] = [];
const IDLE_MS = 4000;

function configuration(fsid: string, monitor: number, gateway: number): string {
  return `[global]
fsid = ${fsid}
mon initial members = a
mon host = [v1:127.0.0.1:${monitor}/0]
public addr = 127.0.0.1
ms bind msgr2 = false
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
mon max pg per osd = 2000
run dir = ${directory}/run
admin socket = ${directory}/run/$name.asok
pid file = ${directory}/run/$name.pid
log file = ${directory}/log/$name.log
mon data = ${directory}/mon
osd data = ${directory}/osd
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 4294967296
osd op num threads per shard = 1
osd memory target = 939524096
mon data avail crit = 1
mon data avail warn = 1
rgw data = ${directory}/rgw
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${gateway}
rgw thread pool size = 32
rgw num rados handles = 1
rgw init timeout = 120
rgw run sync thread = false
rgw enable usage log = false
rgw verify ssl = false
rgw_gc_obj_min_wait = 10
rgw multipart min part size = 5242880
`;
}

/** Starts a daemon in the foreground; it ends when this process does, however it ends. */
function daemon(program: string, ...args: string[]): ChildProcess {
  const log = openSync(join(directory, 'log', `${program}.out`), 'a');
  const command = [findProgram(program) ?? program, '-c', conf, '-f', ...args];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', log, log] });
  children.push(child);
  return child;
}

function ceph(...args: string[]): string {
  return run('ceph', ['-c', conf, ...args]);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.on('error', () => resolve(false));
    asked.on('timeout', () => asked.destroy());
    asked.end();
  });
}

async function wait(child: ChildProcess, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 300 || child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} did not come up`);
    await sleep(150);
  }
}

/** On a host that is very busy a daemon sometimes finds another not ready, and gives up: then all is begun anew. */
async function startInTheEnd(): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      if (attempt === 4) throw error;
      for (const name of ['mon', 'osd', 'rgw', 'run']) rmSync(join(directory, name), { recursive: true, force: true });
    }
  }
}

async function start(): Promise<() => Promise<void>> {
  const [monitor = 0, gateway = 0] = await freePorts(2);
  for (const name of ['mon', 'osd', 'rgw', 'run', 'log']) mkdirSync(join(directory, name), { recursive: true });
  const fsid = randomUUID();
  writeFileSync(conf, configuration(fsid, monitor, gateway));
  run('monmaptool', ['--create', '--clobber', '--addv', 'a', `[v1:127.0.0.1:${monitor}]`, '--fsid', fsid, join(directory, 'monmap')]);
  run('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', join(directory, 'monmap')]);
  daemon('ceph-mon', '-i', 'a');
  const osd = randomUUID();
  ceph('osd', 'new', osd);
  run('ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osd]);
  ceph('osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=localhost');
  await wait(daemon('ceph-osd', '-i', '0'), () => ceph('osd', 'stat').includes('1 up'));
  let server = daemon('radosgw', '-n', 'client.rgw');
  await wait(server, () => answers(gateway));
  const [accessKey, secretKey] = ['accesskey', `secret${randomUUID()}`];
  run('radosgw-admin', [
    '-c',
    conf,
    'user',
    'create',
    '--uid=test',
    '--display-name=test',
    `--access-key=${accessKey}`,
    `--secret-key=${secretKey}`,
  ]);
  const ready = { port: gateway, accessKey, secretKey };
  writeFileSync(join(directory, 'ready.tmp'), JSON.stringify(ready), { mode: 0o600 });
  renameSync(join(directory, 'ready.tmp'), join(directory, 'ready.json'));
  return async () => {
    server.kill('SIGKILL');
    await new Promise((resolve) => server.once('close', resolve));
    server = daemon('radosgw', '-n', 'client.rgw');
    await wait(server, () => answers(gateway));
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Serves until no test has needed it for a while. */
async function serve(): Promise<void> {
  writeFileSync(join(directory, 'pid'), String(process.pid));
  const restart = await startInTheEnd();
  for (let idle = 0; idle < IDLE_MS; idle += 250) {
    await sleep(250);
    const wish = join(directory, 'restart');
    if (existsSync(wish)) {
      await restart();
      rmSync(wish);
    }
    if (readdirSync(join(directory, 'users')).some((pid) => isAlive(Number(pid)))) idle = 0;
  }
}

function end(): void {
  // In one step, so that whoever comes now begins anew.
  const gone = `${directory}-gone-${process.pid}`;
  renameSync(directory, gone);
  for (const child of children) child.kill('SIGKILL');
  rmSync(gone, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

process.on('SIGTERM', () => {
  end();
  process.exit(143);
});
try {
  await serve();
  end();
} catch (error) {
  appendFileSync(join(directory, 'failed'), String(error));
  for (const child of children) child.kill('SIGKILL');
}
process.exit(0);
