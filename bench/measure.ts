import { spawn, spawnSync } from 'node:child_process';
import { constants, closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { TreeWatch } from './memory.ts';

export interface Command {
  file: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
}

/** Commands joined by pipes; `input` feeds the first, the last writes to `output`. */
export interface Pipeline {
  stages: Command[];
  input?: string;
  output?: string;
}

export interface Sample {
  /** Seconds from the start of the first process to the end of the last. */
  wall: number;
  /** Seconds of processor time, user and system, of all processes together. */
  cpu: number;
  /** Bytes; see memory.ts for what is counted. */
  memory: number;
  /** What the last command wrote to its standard output, where it was not sent elsewhere. */
  stdout: string;
}

const TICKS = 100;
let fifos = 0;

/** Runs a pipeline and measures it. Throws with the end of what it said when one of its commands fails. */
export async function measure({ stages, input, output }: Pipeline, watch = true): Promise<Sample> {
  const pipes = stages.slice(1).map(() => pipe());
  const read = input === undefined ? 'ignore' : openSync(input, 'r');
  const write = output === undefined ? 'pipe' : openSync(output, 'w', 0o600);
  const before = childTime();
  const start = process.hrtime.bigint();
  const children = stages.map((stage, index) => {
    const stdin = pipes[index - 1]?.read ?? read;
    const stdout = pipes[index]?.write ?? write;
    return spawn(stage.file, stage.args, { stdio: [stdin, stdout, 'pipe'], cwd: stage.cwd, env: { ...process.env, ...stage.env } });
  });
  for (const file of [...pipes.flatMap(({ read: a, write: b }) => [a, b]), read, write]) if (typeof file === 'number') closeSync(file);
  const tree = watch ? new TreeWatch(children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))) : undefined;
  const said = children.map((child) => collect(child.stderr));
  const stdout = collect(children.at(-1)?.stdout ?? null);
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0] as number | null));
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  const memory = tree?.stop() ?? 0;
  codes.forEach((code, index) => {
    if (code !== 0)
      throw new Error(`${stages[index]?.file} ${stages[index]?.args.join(' ')} ended with ${code}: ${said[index]?.join('').slice(-800)}`);
  });
  return { wall, cpu: childTime() - before, memory, stdout: stdout.join('') };
}

function collect(stream: NodeJS.ReadableStream | null): string[] {
  const chunks: string[] = [];
  stream?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  return chunks;
}

/** A pipe such as a shell makes (spawn's own are sockets, which are slower): both ends of a FIFO that has no name any more. */
function pipe(): { read: number; write: number } {
  const path = join(tmpdir(), `mailrecover-bench-${process.pid}-${fifos++}`);
  const made = spawnSync('mkfifo', ['-m', '600', path]);
  if (made.status !== 0) throw new Error(`mkfifo ${path} failed`);
  // opened both ways first, because opening one end alone waits for the other
  const both = openSync(path, constants.O_RDWR);
  const ends = { read: openSync(path, constants.O_RDONLY), write: openSync(path, constants.O_WRONLY) };
  closeSync(both);
  rmSync(path);
  return ends;
}

/** Seconds of processor time of all children that have ended, and theirs (proc(5), fields cutime and cstime). */
function childTime(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS;
}
