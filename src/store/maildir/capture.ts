/** Reading one live Maildir mailbox so that nothing in it is lost or taken twice. */
import { readFileSync } from 'node:fs';
import type { Finding } from '../../errors/finding.ts';
import { sleep } from '../../system/clock.ts';
import { fsPath } from '../bytes.ts';
import type { ContentReader, LiveArea } from '../live.ts';
import { AreaReader, type AreaOptions } from './area.ts';
import { parseUidlist } from './uidlist.ts';

/** Passes over a mailbox that does not come to rest, after which the uidlist decides what belongs to the snapshot. */
const MAX_PASSES = 40;
const MAX_ROUNDS = 4;

export interface CaptureArea {
  area: 'mail' | 'control' | 'home';
  /** Absolute, a byte string. */
  root: string;
  prior: LiveArea | undefined;
  only?: (name: string) => boolean;
}

export interface CaptureOptions extends Pick<AreaOptions, 'deep' | 'settle' | 'now' | 'lost'> {
  areas: readonly CaptureArea[];
  read: ContentReader;
  signal?: AbortSignal;
}

export interface CapturedMailbox {
  areas: Map<CaptureArea['area'], LiveArea>;
  findings: Finding[];
}

/** Dovecot's lists of UIDs and keywords are read after everything that they speak of; the uidlist is last. */
function rank(name: string): number {
  return name === 'dovecot-uidlist' ? 2 : name === 'dovecot-keywords' ? 1 : 0;
}

/**
 * Captures a mailbox. Messages first, listed again until nothing moves; then the control files, the uidlist last: a
 * uidlist newer than the messages is harmless, an older one would let UIDs be given twice. Then one more listing.
 */
export async function captureMailbox(options: CaptureOptions): Promise<CapturedMailbox> {
  const { deep, settle, now, lost, read, signal } = options;
  const readers = options.areas.map(({ area, root, prior, only }) => ({
    area,
    root,
    reader: new AreaReader({ root, maildir: area === 'mail', prior, deep, settle, read, now, lost, ...(only === undefined ? {} : { only }) }),
  }));
  const mail = readers.find(({ area }) => area === 'mail')?.reader;

  let passes = 0;
  for (let round = 1; ; round++) {
    signal?.throwIfAborted();
    if (mail !== undefined) {
      for (let moved = 1; moved > 0 || mail.restless; passes++) {
        if (passes > 2) await sleep(Math.min(50, passes * 3));
        moved = mail.list();
        await mail.captureMessages();
        if (passes >= MAX_PASSES) break;
      }
    }
    const last = round === MAX_ROUNDS || passes >= MAX_PASSES;
    const control = readers.find(({ area }) => area === 'control') ?? readers.find(({ area }) => area === 'mail');
    const uids = last && control !== undefined ? uidLookup(control.root) : undefined;
    for (const { area, reader } of readers) {
      if (area !== 'mail') reader.list();
      await reader.captureFiles(rank);
    }
    if (mail === undefined || (mail.list() === 0 && !mail.restless)) break;
    if (last) {
      // It never came to rest: what has a UID in the list that is kept belongs to it, the rest is for the next backup.
      await mail.captureMessages(uids ?? (() => false));
      mail.dropMoved();
      break;
    }
    await mail.captureMessages();
  }

  const areas = new Map<CaptureArea['area'], LiveArea>();
  for (const { area, reader } of readers) areas.set(area, reader.result());
  return { areas, findings: readers.flatMap(({ reader }) => reader.findings) };
}

/** Looks base names up in the uidlists as they are now. */
function uidLookup(root: string): (folder: string, base: string) => boolean {
  const lists = new Map<string, ReadonlySet<string> | undefined>();
  return (folder, base) => {
    if (!lists.has(folder)) {
      const places = folder === '' ? ['', '.INBOX/', 'INBOX/'] : [`${folder}/`];
      lists.set(
        folder,
        places.map((place) => readBases(`${root}/${place}dovecot-uidlist`)).find((bases) => bases !== undefined),
      );
    }
    return lists.get(folder)?.has(base) ?? false;
  };
}

function readBases(path: string): ReadonlySet<string> | undefined {
  try {
    const list = parseUidlist(readFileSync(fsPath(path)));
    return list === undefined ? undefined : new Set(list.uids.keys());
  } catch {
    return undefined;
  }
}
