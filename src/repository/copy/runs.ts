/** The history of hosts goes along with a copy: how their backups went is known there, too. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { readRecords, textOf } from '../care/record.ts';
import { currentRefs } from '../runs/runs.ts';
import { parseRunsPath, type RunsRef } from '../runs/object.ts';
import type { Target } from '../target.ts';

async function refsAt(target: Target): Promise<RunsRef[]> {
  const refs: RunsRef[] = [];
  for await (const { path } of target.list('runs')) {
    const ref = parseRunsPath(path);
    if (ref !== undefined) refs.push(ref);
  }
  return refs;
}

/**
 * Copies the records of runs of hosts that do not write there themselves: a host that does has numbers of its own there. What they replace
 * is removed where the place allows that.
 * @param believed public keys of which `copy` records count
 * @returns how many objects were copied
 */
export async function copyRuns(from: Target, to: Target, believed: ReadonlySet<string>): Promise<number> {
  const chains = new Set(
    (await readRecords(to, ['copy'])).filter(({ key }) => believed.has(key)).map(({ fields }) => textOf(fields, 'chain')),
  );
  if (chains.size === 0) return 0;
  const there = await refsAt(to);
  const known = new Set(there.map(({ path }) => path));
  const wanted = currentRefs(await refsAt(from)).filter(({ path, fingerprint }) => chains.has(fingerprint) && !known.has(path));
  let copied = 0;
  for (const ref of wanted) {
    const covered = there.some(({ fingerprint, first, last }) => fingerprint === ref.fingerprint && first <= ref.first && ref.last <= last);
    if (covered || !(await copyOne(from, to, ref))) continue;
    copied++;
    for (const { path, fingerprint, first, last } of there)
      if (fingerprint === ref.fingerprint && ref.first <= first && last <= ref.last) await to.remove(path).catch(() => undefined);
  }
  return copied;
}

/** @returns false where it was taken in by a larger one meanwhile, or is damaged: no restore needs it, and `check` names it at the source */
async function copyOne(from: Target, to: Target, { path, id }: RunsRef): Promise<boolean> {
  try {
    const bytes = await from.get(path);
    if (createHash('sha256').update(bytes).digest('hex') !== id) return false;
    await to.put(path, bytes);
    return true;
  } catch (error) {
    if (error instanceof MailrecoverError && error.code === 'not-found') return false;
    throw error;
  }
}
