/** Snapshots of file systems around a backup: taken before it, and released whatever becomes of it. */
import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { makeDirectory } from '../../system/files.ts';
import { takeLock } from '../../system/lock.ts';
import type { StoreSource } from '../mailboxes.ts';
import { FreezeJournal, type Taken } from './journal.ts';
import { freezeSteps, isShown, type FreezeSource } from './presets.ts';

export interface FreezeOptions {
  freeze: readonly FreezeSource[];
  stores: readonly StoreSource[];
  /** Directory of the local state of this host: snapshots of its file systems belong to no repository. */
  stateRoot: string;
  signal?: AbortSignal;
}

/** What the backup works with. */
export interface Held {
  stores: readonly StoreSource[];
  /** When everything stood still, milliseconds since 1970; undefined where nothing does. */
  at: number | undefined;
}

/**
 * Releases what a killed run left, takes the snapshots, does the work on them, and releases them, also where the work fails or a
 * signal ends it.
 * @throws MailrecoverError `failed` where a snapshot can't be taken, `config`, `locked`; and what the work throws
 */
export async function frozen<T extends { findings: Finding[] }>(options: FreezeOptions, work: (held: Held) => Promise<T>): Promise<T> {
  const { freeze, stateRoot, signal } = options;
  const path = join(stateRoot, 'freeze.json');
  const journal = new FreezeJournal(path);
  if (freeze.length === 0 && journal.open.length === 0) return work({ stores: options.stores, at: undefined });
  await makeDirectory(stateRoot);
  const unlock = takeLock(join(stateRoot, 'freeze.lock'), 'mailrecover backup (snapshots of file systems)');
  try {
    const findings = await releaseAll(journal, 'left by a run that was killed');
    if (findings.some(({ severity }) => severity === 'error') && freeze.length > 0) throw stillThere(findings);
    signal?.throwIfAborted();
    const mounts = new Map<string, string>();
    const stores = options.stores.map((store) => onSnapshot(store, freeze));
    let result: T;
    const at = now();
    try {
      for (const each of freeze) mounts.set(each.source, await take(each, journal, signal));
      result = await work({ stores, at: freeze.length === 0 ? undefined : at });
    } catch (error) {
      throw withRelease(error, await releaseAll(journal, 'not released'));
    }
    findings.push(...(await releaseAll(journal, 'not released')));
    return { ...result, findings: [...result.findings.map((finding) => asSource(finding, mounts)), ...findings] };
  } finally {
    unlock();
  }
}

/** The store as it lies in the snapshot of its file system. */
function onSnapshot(store: StoreSource, freeze: readonly FreezeSource[]): StoreSource {
  const moved = { ...store };
  for (const key of ['path', 'control', 'alt', 'index', 'home'] as const) {
    const place = store[key];
    if (place === undefined) continue;
    const of = freeze
      .filter(({ source }) => place === source || place.startsWith(`${source}/`))
      .toSorted((a, b) => b.source.length - a.source.length)[0];
    if (of !== undefined) moved[key] = freezeSteps(of).mount.replaceAll('%', '%%') + place.slice(of.source.length);
    else tellApart(place, freeze);
  }
  return moved;
}

/** A snapshot of a part of a store would leave the rest moving, unseen. */
function tellApart(place: string, freeze: readonly FreezeSource[]): void {
  const fixed = place.replace(/\/[^/]*%.*$/s, '');
  const part = freeze.find(({ source }) => source.startsWith(`${fixed}/`));
  if (part !== undefined)
    throw new MailrecoverError('config', `the file system '${part.source}' of 'freeze' holds only a part of the store at '${place}'`, {
      hint: 'name the directory in which the whole store lies, or make a store of its own for that part',
      subject: part.source,
    });
}

/** @returns where the files lie now */
async function take(freeze: FreezeSource, journal: FreezeJournal, signal: AbortSignal | undefined): Promise<string> {
  const { mount, needs, steps } = freezeSteps(freeze);
  const env = { MAILRECOVER_SOURCE: freeze.source, MAILRECOVER_MOUNT: mount, MAILRECOVER_NAME: freeze.name };
  if (needs !== undefined) await makeDirectory(needs);
  for (const { take: words, release, shows } of steps) {
    signal?.throwIfAborted();
    const entry = await journal.begin({
      name: freeze.name,
      release,
      ...(shows === undefined ? {} : { shows }),
      timeout: freeze.timeout,
      env,
    });
    try {
      await command(words, freeze.timeout, env);
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      throw new MailrecoverError('failed', `no snapshot of '${freeze.source}' could be taken: ${error.message}`, {
        hint: error.hint ?? `run it by hand: ${words.join(' ')}`,
        subject: freeze.name,
        cause: error,
      });
    }
    await journal.done(entry);
  }
  return mount;
}

/** Runs to its end whatever signals come: half a snapshot is worse than a late end. */
async function command(words: readonly string[], timeout: number, env: Record<string, string>): Promise<void> {
  const [program = '', ...args] = words;
  await run(program, args, { timeoutMs: timeout, env, ownGroup: true });
}

/** Releases everything that is open, the newest first. @returns what could not be */
async function releaseAll(journal: FreezeJournal, why: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of journal.open) {
    const problem = await releaseOne(entry);
    if (problem === undefined) {
      await journal.released(entry);
      const { MAILRECOVER_MOUNT: mount = '' } = entry.env;
      removeEmpty(mount);
      continue;
    }
    findings.push({
      severity: 'error',
      code: 'snapshot-not-released',
      message: `the snapshot '${entry.name}' of '${entry.env['MAILRECOVER_SOURCE'] ?? ''}' was ${why}: ${problem}`,
      hint: `release it by hand: ${entry.release.join(' ')}; the next backup tries again`,
      subject: entry.name,
    });
  }
  return findings;
}

async function releaseOne(entry: Taken): Promise<string | undefined> {
  if (isShown(entry) === false) return undefined;
  try {
    await command(entry.release, entry.timeout, entry.env);
    return undefined;
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    // What was never taken, or is gone already, has nothing to release.
    return isShown(entry) === false || (!entry.done && entry.shows === undefined) ? undefined : error.message;
  }
}

function removeEmpty(directory: string): void {
  if (!directory.startsWith('/run/mailrecover/')) return;
  try {
    rmdirSync(directory);
  } catch {
    // Not ours, not empty, or not there: it does no harm.
  }
}

/** What ended the backup, and what could not be released on top of it. */
function withRelease(error: unknown, [first]: readonly Finding[]): unknown {
  if (first === undefined || !(error instanceof MailrecoverError)) return error;
  return new MailrecoverError(error.code, `${error.message}; and ${first.message}`, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    ...(error.subject === undefined ? {} : { subject: error.subject }),
    cause: error,
  });
}

function stillThere([first]: readonly Finding[]): MailrecoverError {
  return new MailrecoverError('refused', first?.message ?? 'a snapshot of a file system is still there', {
    hint: first?.hint ?? 'release it by hand',
    ...(first?.subject === undefined ? {} : { subject: first.subject }),
  });
}

/** A finding that names files as they lie on the host, not in the snapshot. */
function asSource(finding: Finding, mounts: ReadonlyMap<string, string>): Finding {
  const there = (text: string): string => {
    for (const [source, mount] of mounts) text = text.replaceAll(mount, source);
    return text;
  };
  return { ...finding, message: there(finding.message), ...(finding.subject === undefined ? {} : { subject: there(finding.subject) }) };
}
