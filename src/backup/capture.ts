/** Captures one mailbox, account or server, by what it is. */
import { createHash } from 'node:crypto';
import type { Finding } from '../errors/finding.ts';
import type { Area } from '../repository/catalog/model.ts';
import { captureStore } from '../store/capture.ts';
import type { CapturedAccount } from '../store/imap/capture.ts';
import type { ImapSource } from '../store/imap/types.ts';
import { isMailArea, type LiveArea } from '../store/live.ts';
import type { SystemSource } from '../store/system/capture.ts';
import { now } from '../system/clock.ts';
import { makeCacheDirectory } from '../system/files.ts';
import { isHomeName, type SourceMailbox } from './mailboxes.ts';
import type { Run } from './run.ts';
import { mailboxKey, type MailboxState } from './state/state.ts';

/** What the backup before knew of an area. */
export type PriorOf = (area: string) => LiveArea | undefined;

export interface Captured {
  areas: ReadonlyMap<Area, LiveArea>;
  findings: Finding[];
  vanished: boolean;
}

export function captureMail(run: Run, source: SourceMailbox, priorOf: PriorOf): Promise<Captured> {
  return captureStore({
    format: source.format ?? 'maildir',
    ...(source.locks === undefined ? {} : { locks: source.locks }),
    areas: source.areas.flatMap(({ area, path, file }) =>
      isMailArea(area)
        ? [
            {
              area,
              root: path,
              prior: priorOf(area),
              ...(area === 'home' ? { only: isHomeName } : {}),
              ...(file === undefined ? {} : { file }),
            },
          ]
        : [],
    ),
    deep: run.deep,
    settle: run.options.settle * 1e6,
    now: () => now() * 1000,
    lost: (place) => run.reread.has(place),
    read: run.reader(mailboxKey(source)),
    ...(run.options.signal === undefined ? {} : { signal: run.options.signal }),
  });
}

export async function readAccount(
  run: Run,
  source: SourceMailbox,
  imap: ImapSource,
  before: MailboxState | undefined,
  prior: LiveArea | undefined,
): Promise<CapturedAccount> {
  const { captureAccount } = await import('../store/imap/capture.ts');
  const key = mailboxKey(source);
  const { signal, dryRun } = run.options;
  return captureAccount({
    source: imap,
    prior,
    cursor: before?.imap,
    deep: run.deep,
    dryRun,
    lost: (place) => run.reread.has(place),
    read: run.reader(key),
    journal: run.state.file('imap', createHash('sha256').update(key).digest('hex').slice(0, 24)),
    ...(signal === undefined ? {} : { signal }),
  });
}

export async function captureServer(run: Run, system: SystemSource, source: SourceMailbox, prior: PriorOf): Promise<Captured> {
  const { settle, dryRun, signal } = run.options;
  const { captureSystem } = await import('../store/system/capture.ts');
  makeCacheDirectory(system.scratch);
  const captured = await captureSystem({
    source: system,
    prior,
    dryRun,
    deep: run.deep,
    settle: settle * 1e6,
    now: () => now() * 1000,
    lost: (place) => run.reread.has(place),
    gone: (place) => run.lost.has(place),
    read: run.reader(mailboxKey(source)),
    ...(signal === undefined ? {} : { signal }),
  });
  run.server = { files: countFiles(captured.areas.get('files')), dumps: countFiles(captured.areas.get('dumps')) };
  return { ...captured, vanished: false };
}

function countFiles(area: LiveArea | undefined): number {
  let files = 0;
  for (const dir of area?.dirs.values() ?? []) files += dir.files.size;
  return files;
}
