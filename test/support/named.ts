/** A BIND of its own, authoritative or not, as its configuration says. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './host.ts';
import { keepTrack, undo } from './leave.ts';
import { listens, until } from './ports.ts';

export interface NamedOptions {
  /** An empty directory of its own. */
  root: string;
  address: string;
  port: number;
  /** More of `options { … }`. */
  options: string;
  /** Keys and zones; `ROOT` stands for its directory. */
  rest: string;
}

/** Starts one. @returns what stops it; it does not outlive this process in any case */
export async function startNamed({ root, address, port, options, rest }: NamedOptions): Promise<() => Promise<void>> {
  writeFileSync(
    join(root, 'named.conf'),
    `options { directory "${root}"; pid-file "${root}/pid"; session-keyfile "${root}/session"; lock-file none; managed-keys-directory "${root}";
listen-on port ${port} { ${address}; }; listen-on-v6 { none; }; dnssec-validation no; ${options} };
controls { };
${rest.replaceAll('ROOT', root)}
`,
  );
  const log = join(root, 'named.log');
  const child = spawn(findProgram('named') ?? 'named', ['-c', join(root, 'named.conf'), '-n', '1', '-f', '-L', log], {
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  const leftover = keepTrack({
    path: join(root, 'server'),
    undo: async () => {
      kill();
      await ended;
    },
    undoNow: kill,
  });
  const up = await until(
    () => listens(port, address),
    30_000,
    () => child.exitCode !== null,
  );
  if (!up) throw new Error(`named did not start:\n${existsSync(log) ? readFileSync(log, 'utf8') : ''}`);
  return () => undo(leftover);
}
