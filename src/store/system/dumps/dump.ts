/** Dumps of databases, streamed into a snapshot. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { stream } from '../../../system/stream.ts';
import type { LiveArea, LiveFile, StoredPart } from '../../live.ts';
import type { ReadOptions } from '../read.ts';
import { dumpCommand, type DatabaseSource, type DumpCommand } from './presets.ts';

/** Bytes of a dump that are on the local disk at one time. */
const SEGMENT = 16 * 1024 * 1024;
/** How much of its end is looked at to see whether a dump is whole. */
const TAIL = 4096;

export interface Dumps {
  area: LiveArea;
  findings: Finding[];
  /** Those that are in the snapshot, new or as they were, with how they come back. */
  made: { name: string; preset: string; file: string; restore: string[] }[];
}

/**
 * Dumps databases, one after the other. One whose dump fails, is empty or is cut short is an error, and stays in the snapshot
 * as it was dumped before.
 * @param scratch a private directory, in which pieces of a dump lie while they are stored
 */
export async function dumpDatabases(
  databases: readonly DatabaseSource[],
  scratch: string,
  prior: LiveArea | undefined,
  options: ReadOptions & { dryRun: boolean },
): Promise<Dumps> {
  const at = options.now();
  const dumps: Dumps = { area: { dirs: new Map() }, findings: [], made: [] };
  const files = new Map<string, LiveFile>();
  const before = prior?.dirs.get('');
  for (const source of databases) {
    options.signal?.throwIfAborted();
    const old = [...(before?.files ?? [])].find(([file]) => file.replace(/\.\w+$/, '') === source.name);
    try {
      const command = await dumpCommand(source);
      const file = options.dryRun ? old?.[1] : await dumpOne(source, command, scratch, before?.files.get(command.file), at, options);
      if (file !== undefined) files.set(command.file, file);
      dumps.made.push({ name: source.name, preset: source.preset, file: command.file, restore: command.restore });
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
      const kept = old !== undefined && !old[1].parts.some(({ place }) => options.gone(place)) ? old : undefined;
      dumps.findings.push(failed(source, error, kept?.[1]));
      if (kept === undefined) continue;
      files.set(...kept);
      dumps.made.push({ name: source.name, preset: source.preset, file: kept[0], restore: [] });
    }
  }
  const own = { mode: 0o700, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, size: 0, ctime: 0, birth: 0, ino: 0 };
  const same =
    before !== undefined && [...files].every(([name, file]) => before.files.get(name) === file) && before.files.size === files.size;
  const mtime = same ? before.stat.mtime : at;
  dumps.area.dirs.set('', { stat: { ...own, mtime }, settled: false, files, links: new Map(), messages: new Map() });
  return dumps;
}

async function dumpOne(
  source: DatabaseSource,
  dump: DumpCommand,
  scratch: string,
  before: LiveFile | undefined,
  at: number,
  options: ReadOptions,
): Promise<LiveFile> {
  const room = mkdtempSync(join(scratch, 'dump-'));
  const parts: StoredPart[] = [];
  let size = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let head = '';
  let tail = Buffer.alloc(0);
  const store = async (): Promise<void> => {
    if (heldBytes === 0) return;
    const path = join(room, 'part');
    writeFileSync(path, Buffer.concat(held), { mode: 0o600 });
    [held, heldBytes] = [[], 0];
    const [outcome] = await options.read([{ path, kind: 'file' }]);
    if (outcome === undefined || 'error' in outcome)
      throw new MailrecoverError('io', `unable to read a piece of the dump again: ${outcome?.error ?? 'nothing came'}`, { subject: path });
    parts.push(...outcome.parts);
  };
  try {
    await stream(
      dump.command,
      dump.args,
      async (chunk) => {
        size += chunk.length;
        if (head.length < TAIL) head += chunk.toString('latin1', 0, TAIL);
        tail = Buffer.concat([tail, chunk.subarray(-TAIL)]).subarray(-TAIL);
        held.push(chunk);
        heldBytes += chunk.length;
        if (heldBytes >= SEGMENT) await store();
      },
      { env: dump.env, timeoutMs: source.timeout, signal: options.signal, secrets: dump.secrets, name: dump.program },
    );
    if (size === 0) throw new MailrecoverError('failed', `'${dump.program}' printed nothing`);
    const whole = (dump.begins?.test(head) ?? true) && (dump.ends?.test(tail.toString('latin1')) ?? true);
    if (!whole) throw new MailrecoverError('failed', `'${dump.program}' printed ${size} bytes that are no whole dump`);
    await store();
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
  const unchanged =
    before !== undefined &&
    before.parts.length === parts.length &&
    before.parts.every((part, index) => part.sha === parts[index]?.sha && part.place === parts[index]?.place);
  if (unchanged) return before;
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return { stat: { mode: 0o600, ...owner, size, mtime: at, ctime: 0, birth: 0, ino: 0 }, parts, settled: false };
}

function failed(source: DatabaseSource, error: MailrecoverError, kept: LiveFile | undefined): Finding {
  const what =
    kept === undefined
      ? 'the snapshot holds no dump of it'
      : `the snapshot holds the dump of ${new Date(kept.stat.mtime / 1000).toISOString()}`;
  return {
    severity: 'error',
    code: 'dump-failed',
    message: `database '${source.name}' was not dumped: ${error.message}; ${what}`,
    hint: error.hint ?? "run its dump command by hand, and mend 'system: databases' in the configuration",
    subject: source.name,
  };
}
