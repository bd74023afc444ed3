/** Putting files of the schedule in place and taking them away; what an administrator changed stays. */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Finding } from '../errors/finding.ts';
import { ioError, systemCode } from '../errors/error.ts';
import { makeDirectory, syncDirectory, writeDurable } from '../system/files.ts';
import { diffLines } from '../system/diff.ts';
import { ownedFile, stamped } from './owned.ts';

export type FileAction = 'create' | 'update' | 'keep' | 'remove' | 'leave';

export interface PlannedFile {
  path: string;
  action: FileAction;
  /** What is to stand there; empty for one that goes. */
  text: string;
  diff: string[];
}

export interface Plan {
  files: PlannedFile[];
  findings: Finding[];
}

export interface WantedFile {
  /** Absolute. */
  path: string;
  text: string;
}

/**
 * What must be done so that exactly these files are there.
 * @param config the configuration that they are made from
 * @param present files that an earlier run may have made
 * @param by the command that makes them, such as `schedule install`: what another one made is not touched
 * @throws MailrecoverError `io`
 */
export function planFiles(wanted: readonly WantedFile[], config: string, present: readonly string[], by: string): Plan {
  const maker = { by, config };
  const plan: Plan = { files: [], findings: [] };
  for (const { path, text } of wanted) {
    const content = stamped(text, maker);
    const { state, text: before, ...owned } = ownedFile(path, maker);
    if (state === 'changed' || state === 'foreign') {
      plan.files.push({ path, action: 'leave', text: before, diff: diffLines(before, content) });
      plan.findings.push(left(path, state, by, 'config' in owned ? owned.config : undefined));
    } else {
      const action = state === 'none' ? 'create' : before === content ? 'keep' : 'update';
      plan.files.push({ path, action, text: content, diff: action === 'keep' ? [] : diffLines(before, content) });
    }
  }
  const names = new Set(wanted.map(({ path }) => path));
  for (const path of present) {
    if (names.has(path)) continue;
    const { state, text } = ownedFile(path, maker);
    if (state === 'ours') plan.files.push({ path, action: 'remove', text: '', diff: diffLines(text, '') });
    if (state !== 'changed') continue;
    plan.files.push({ path, action: 'leave', text, diff: [] });
    plan.findings.push(left(path, state, by));
  }
  return plan;
}

/** Files in a directory that this schedule may have made. */
export function presentFiles(directory: string, name: string): string[] {
  try {
    return readdirSync(directory)
      .filter((file) => file === name || (file.startsWith(`${name}-`) && /\.(?:service|timer)$/.test(file)))
      .toSorted()
      .map((file) => join(directory, file));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'list', directory);
  }
}

/** Carries a plan out. @throws MailrecoverError `io` or `no-space` */
export async function applyPlan({ files }: Plan): Promise<void> {
  for (const { path, action, text } of files) {
    if (action === 'create' || action === 'update') {
      await makeDirectory(dirname(path), 0o755);
      await writeDurable(path, text, 0o644);
    } else if (action === 'remove') {
      try {
        rmSync(path);
        await syncDirectory(dirname(path));
      } catch (error) {
        throw ioError(error, 'remove', path);
      }
    }
  }
}

function left(path: string, state: 'changed' | 'foreign', by: string, config?: string): Finding {
  return {
    severity: 'warning',
    code: 'file-left',
    message:
      state === 'changed'
        ? `'${path}' was changed since it was made, and is left as it is`
        : config === undefined
          ? `'${path}' was not made by '${by}', and is left as it is`
          : `'${path}' was made from '${config}', and is left as it is`,
    hint:
      state === 'changed'
        ? `move changes into a drop-in (systemctl edit), remove the file, and run 'mailrecover ${by}' again`
        : by.startsWith('schedule')
          ? "give this schedule another name ('name' in 'schedule'), or remove the file"
          : `see what it is for; if it need not be there, remove it, and run 'mailrecover ${by}' again`,
    subject: path,
  };
}
