import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { missing } from './host.ts';
import { keepTrack, undo } from './leave.ts';
import { until } from './ports.ts';

export interface S3Server {
  port: number;
  endpoint: string;
  accessKey: string;
  secretKey: string;
  /** The credential as variables of the environment. */
  env: Record<string, string>;
  /** Kills the gateway as it is and starts it again; other tests may be using it. */
  restart: () => Promise<void>;
}

const DIRECTORY = join(tmpdir(), `mailrecover-radosgw-${userInfo().uid}`);
const SERVE = fileURLToPath(new URL('./radosgw-serve.ts', import.meta.url));
const START_MS = 240_000;

/** Why there is no S3 server here, for `skip`, or false. */
export function noRadosgw(): string | false {
  return missing('radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'setpriv');
}

/** A real Ceph gateway for the rest of this test, suite or file; it is shared with all others that run meanwhile, so use buckets of your own. */
export async function radosgw(): Promise<S3Server> {
  const user = join(DIRECTORY, 'users', String(process.pid));
  const leave = (): void => rmSync(user, { force: true });
  const leftover = keepTrack({ path: user, undo: leave, undoNow: leave });
  after(() => undo(leftover));
  for (const end = performance.now() + START_MS; performance.now() < end; await sleep(200)) {
    mkdirSync(join(DIRECTORY, 'users'), { recursive: true });
    try {
      writeFileSync(user, '');
    } catch {
      // It went away at this very moment.
      continue;
    }
    if (isServed() && existsSync(join(DIRECTORY, 'ready.json'))) return described();
    if (existsSync(join(DIRECTORY, 'failed'))) throw new Error(`radosgw did not start: ${readFileSync(join(DIRECTORY, 'failed'), 'utf8')}`);
    if (!isServed() && mayStart()) {
      spawn(process.execPath, [SERVE, DIRECTORY], { stdio: 'ignore', detached: true }).unref();
      await until(isServed, 10_000);
    }
  }
  throw new Error('radosgw did not start in time');
}

function described(): S3Server {
  const { port, accessKey, secretKey } = JSON.parse(readFileSync(join(DIRECTORY, 'ready.json'), 'utf8')) as S3Server;
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    accessKey,
    secretKey,
    env: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey },
    async restart() {
      const wish = join(DIRECTORY, 'restart');
      writeFileSync(wish, '');
      if (!(await until(() => !existsSync(wish), 60_000))) throw new Error('radosgw did not start again');
    },
  };
}

function alive(file: string): boolean {
  try {
    process.kill(Number(readFileSync(join(DIRECTORY, file), 'utf8') || 'none'), 0);
    return true;
  } catch {
    return false;
  }
}

function isServed(): boolean {
  return alive('pid');
}

/** Whether this process is the one to start it: whoever was to and died is no reason to wait. */
function mayStart(): boolean {
  const lock = join(DIRECTORY, 'starting');
  if (existsSync(lock) && !alive('starting')) {
    rmSync(DIRECTORY, { recursive: true, force: true });
    return false;
  }
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
