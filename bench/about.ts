import { spawnSync } from 'node:child_process';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Tools } from './jobs/job.ts';
import { HOW } from './memory.ts';
import type { Options } from './options.ts';

export interface About {
  programs: string[];
  machine: string;
  load: string;
  memory: string;
  files: string;
}

/** What the figures depend on: programs, machine, where the files lie. */
export function about(options: Options, tools: Tools): About {
  const git = spawnSync('git', ['describe', '--always', '--dirty'], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const peers = [tools.restic, tools.borg, tools.tar, tools.rsync].map((tool) => tool.version());
  return {
    programs: [`${version(tools)} (${git.stdout.trim()}) on Node ${process.version}`, ...peers],
    machine: `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}`,
    load: loadavg()
      .map((value) => value.toFixed(2))
      .join(' '),
    memory: HOW,
    files: `${options.directory}, ${options.cold ? 'page cache emptied before each run' : 'page cache warm'}`,
  };
}

function version({ ours }: Tools): string {
  try {
    return ours.version();
  } catch {
    return 'mailrecover (does not run: npm run build)';
  }
}
