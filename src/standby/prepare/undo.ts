/** Puts back what a run of `standby prepare` changed on this host, unless somebody changed it since. */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes, fsPath } from '../../store/bytes.ts';
import { isoNow } from '../../system/clock.ts';
import { writeDurable } from '../../system/files.ts';
import { parseIfWhole } from '../../system/kept.ts';
import { keep, placeOfRun, put, setHash, stateText, type FileState, type JournalLine } from './apply.ts';
import { readShadow } from './logins/shadow.ts';

const DONE = 'undone';

/** Runs that can be undone, the newest last. */
export function preparedRuns(state: string): string[] {
  try {
    return readdirSync(join(state, 'standby', 'prepared'))
      .filter((name) => readNames(placeOfRun(state, name)).includes('journal.jsonl') && !readNames(placeOfRun(state, name)).includes(DONE))
      .sort();
  } catch {
    return [];
  }
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/**
 * @param name undefined for the newest
 * @throws MailrecoverError `not-found`
 */
export async function undoRun(state: string, name: string | undefined): Promise<{ run: string; restored: string[]; findings: Finding[] }> {
  const runs = preparedRuns(state);
  const chosen = name ?? runs.at(-1);
  if (chosen === undefined || !runs.includes(chosen))
    throw new MailrecoverError(
      'not-found',
      name === undefined ? 'nothing was prepared that could be taken back' : `no run '${name}' can be taken back`,
      {
        hint: runs.length === 0 ? 'what is taken back once is gone from the list' : `there are: ${runs.slice(-5).join(', ')}`,
        ...(name === undefined ? {} : { subject: name }),
      },
    );
  const place = placeOfRun(state, chosen);
  const restored: string[] = [];
  const findings: Finding[] = [];
  for (const line of linesOf(join(place, 'journal.jsonl')).toReversed()) {
    if (line.do === 'account') {
      findings.push({
        severity: 'info',
        code: 'account-stays',
        message: `the ${line.kind} '${line.name}' stays: mail may belong to it by now`,
        hint: line.kind === 'user' ? `take it away by hand: userdel ${line.name}` : `take it away by hand: groupdel ${line.name}`,
        subject: line.name,
      });
      continue;
    }
    if (line.do === 'password') {
      if (readShadow([line.name])[line.name] === line.becomes && line.was !== '') await setHash(line.name, line.was);
      continue;
    }
    const shown = displayBytes(line.path);
    try {
      if (line.do === 'directory') {
        rmdirSync(fsPath(line.path));
        continue;
      }
      const now = await keep(line.path, null);
      // Killed before it was written, or put back already.
      if (stateText(now) === stateText(line.was) && sameOwner(now, line.was)) continue;
      if (stateText(now) !== line.becomes && stateText(now) !== stateText(line.was)) {
        findings.push({
          severity: 'warning',
          code: 'changed-meanwhile',
          message: `'${shown}' was changed since, and is left as it is`,
          ...(line.was.kind === 'file' ? { hint: `what was there before lies in ${line.was.kept}` } : {}),
          subject: shown,
        });
        continue;
      }
      await back(line.path, line.was);
      restored.push(shown);
    } catch (error) {
      // A directory that holds something else by now stays.
      if (line.do === 'directory' && ['ENOTEMPTY', 'ENOENT', 'EEXIST'].includes(systemCode(error) ?? '')) continue;
      if (systemCode(error) === undefined && !(error instanceof MailrecoverError)) throw error;
      findings.push({
        severity: 'error',
        code: 'not-restored',
        message: `'${shown}' could not be put back: ${error instanceof Error ? error.message : String(error)}`,
        ...(line.do === 'file' && line.was.kind === 'file' ? { hint: `what was there before lies in ${line.was.kept}` } : {}),
        subject: shown,
      });
    }
  }
  if (!findings.some(({ severity }) => severity === 'error')) await writeDurable(join(place, DONE), `${isoNow()}\n`);
  return { run: chosen, restored, findings };
}

function sameOwner(a: FileState, b: FileState): boolean {
  return a.kind !== 'file' || b.kind !== 'file' || (a.mode === b.mode && a.uid === b.uid && a.gid === b.gid);
}

async function back(path: string, was: FileState): Promise<void> {
  if (was.kind === 'none') return rm(fsPath(path));
  if (was.kind === 'link') return put({ path, to: was.to, mode: 0o777, mtime: 0 }, 0, 0);
  const content = readFileSync(was.kept).toString('base64');
  await put({ path, content, mode: was.mode, mtime: was.mtime }, was.uid, was.gid);
}

function linesOf(path: string): JournalLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => (parseIfWhole(line) as JournalLine | undefined) ?? []);
}
