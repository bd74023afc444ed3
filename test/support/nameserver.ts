/** A private BIND that answers for `test.` on a free port of 127.0.0.1. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { findProgram, missing } from './host.ts';
import { keepTrack, undo } from './leave.ts';
import { freePorts, listens, until } from './ports.ts';
import { makeScratch } from './tmp.ts';

/** Why there can be none here, for `skip`, or false. */
export function noNameServer(): string | false {
  const profiles = '/sys/kernel/security/apparmor/profiles';
  if (existsSync(profiles) && /^(?:\/usr\/sbin\/)?named \(enforce\)/m.test(readFileSync(profiles, 'utf8')))
    return 'AppArmor keeps named from files of a test';
  return missing('root', 'named');
}

/**
 * @param records lines of a zone file below `test.`: `example MX 10 mx.example`
 * @param updates whether this host may change the zone (RFC 2136)
 * @returns its address, as a resolver takes it
 */
export async function nameServer(records: readonly string[], updates = false): Promise<string> {
  const scratch = makeScratch('dns');
  const root = scratch.path;
  const [port = 0, control = 0] = await freePorts(2);
  writeFileSync(
    join(root, 'zone'),
    ['$TTL 60', '@ SOA ns.test. root.test. 1 60 60 60 60', '@ NS ns.test.', 'ns A 127.0.0.1', ...records, ''].join('\n'),
  );
  writeFileSync(
    join(root, 'named.conf'),
    `options {
  directory "${root}"; pid-file "${root}/pid"; session-keyfile "${root}/session.key"; managed-keys-directory "${root}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion yes; allow-recursion { 127.0.0.1; }; dnssec-validation no; forwarders { 127.0.0.1 port ${control}; }; forward only;
};
controls { };
zone "test" { type primary; file "${root}/zone";${updates ? ' allow-update { 127.0.0.1; };' : ''} };
`,
  );
  const child: ChildProcess = spawn(findProgram('named') ?? 'named', ['-g', '-c', join(root, 'named.conf'), '-n', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const killNow = (): void => {
    try {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  const stop = async (): Promise<void> => {
    killNow();
    await until(() => child.exitCode !== null || child.signalCode !== null, 10_000);
  };
  const leftover = keepTrack({ path: join(root, 'server'), undo: stop, undoNow: killNow });
  after(async () => {
    await undo(leftover);
    await undo(scratch);
  });
  const answers = await until(
    async () => /running$/m.test(log) && (await listens(port)),
    30_000,
    () => child.exitCode !== null,
  );
  if (!answers) throw new Error(`named did not start:\n${log}`);
  return `127.0.0.1:${port}`;
}
