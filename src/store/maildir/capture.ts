/** Reading one live Maildir mailbox so that nothing in it is lost or taken twice. */
import type { Finding } from '../../errors/finding.ts';
import { sleep } from '../../system/clock.ts';
import type { ContentReader, LiveArea, LiveAreaName } from '../live.ts';
import { AreaReader, type AreaOptions } from './area.ts';
import { captureBusy } from './busy.ts';

/** Passes over a mailbox that does not come to rest, after which it is taken as {@link captureBusy} does. */
const MAX_PASSES = 25;
const MAX_ROUNDS = 4;

export interface CaptureArea {
  area: LiveAreaName;
  /** Absolute, a byte string. */
  root: string;
  prior: LiveArea | undefined;
  only?: (name: string) => boolean;
  /** The one file of it that belongs to the mailbox (an INBOX among others). */
  file?: string;
}

export interface CaptureOptions extends Pick<AreaOptions, 'deep' | 'settle' | 'now' | 'lost'> {
  areas: readonly CaptureArea[];
  read: ContentReader;
  signal?: AbortSignal;
}

export interface CapturedMailbox {
  areas: Map<CaptureArea['area'], LiveArea>;
  findings: Finding[];
  /** The mail is no longer there: deleted just now, or its file system went away. What was captured means nothing. */
  vanished: boolean;
  /** UIDVALIDITY and UIDNEXT of the folders of a view, by their directories in it. */
  folders?: ReadonlyMap<string, FolderUids>;
}

export interface FolderUids {
  uidValidity: number;
  uidNext: number;
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
    reader: new AreaReader({
      root,
      maildir: area === 'mail',
      prior,
      deep,
      settle,
      read,
      now,
      lost,
      ...(only === undefined ? {} : { only }),
    }),
    root,
  }));
  const mail = readers.find(({ area }) => area === 'mail')?.reader;
  const control = readers.find(({ area }) => area === 'control') ?? readers.find(({ area }) => area === 'mail');
  const captureFiles = async (): Promise<void> => {
    for (const { area, reader } of readers) {
      if (area !== 'mail') reader.list();
      await reader.captureFiles(rank);
    }
  };

  let passes = 0;
  for (let round = 1; ; round++) {
    signal?.throwIfAborted();
    if (mail !== undefined) passes = await captureMessages(mail, passes, signal);
    if (mail !== undefined && control !== undefined && (round > MAX_ROUNDS || passes >= MAX_PASSES)) {
      await captureBusy({ mail, control: control.reader, controlRoot: control.root, captureFiles });
      break;
    }
    await captureFiles();
    const still = readers.every(
      ({ area, reader }) => (area === 'home' || reader.list() === 0) && reader.filesStand((name) => rank(name) > 0),
    );
    if (still || mail === undefined) break;
  }

  const areas = new Map<CaptureArea['area'], LiveArea>();
  for (const { area, reader } of readers) areas.set(area, reader.result());
  return { areas, findings: readers.flatMap(({ reader }) => reader.findings), vanished: mail?.present === false };
}

/** Passes over the messages until nothing moves, or too many were made. @returns how many passes there were by then */
async function captureMessages(mail: AreaReader, before: number, signal: AbortSignal | undefined): Promise<number> {
  for (let passes = before; ;) {
    if (passes > 2) await sleep(Math.min(50, passes * 3));
    signal?.throwIfAborted();
    const still = mail.list() === 0;
    mail.messages.dropGone(still);
    await mail.messages.capture();
    passes++;
    if ((still && mail.messages.pending === 0) || passes >= MAX_PASSES) return passes;
  }
}
