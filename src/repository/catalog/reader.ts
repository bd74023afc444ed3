/** Reading catalogs: one, or the state that several make up. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Identity } from '../age/keys.ts';
import { openWindow, readTableFrame } from '../envelope.ts';
import { objectPath } from '../names.ts';
import type { Target } from '../target.ts';
import { decompressBounded } from '../zstd.ts';
import { damagedLine, PackNumbering } from './decode.ts';
import { sectionKey, type CatalogKind, type FullSection, type Section } from './model.ts';
import { applySection, asFull, mergeDeltas } from './overlay.ts';
import { parseHead, SectionParser } from './parse.ts';
import { byBytes, decodeName } from './percent.ts';

/** No frame of a catalog decompresses to more than this: a line may be long, but not endless. */
const MAX_FRAME = 256 * 1024 * 1024;
/** Frames are fetched in runs of about this size. */
const FETCH = 4 * 1024 * 1024;

interface FrameRow {
  offset: number;
  length: number;
  /** Key of the section in which it begins; undefined for the first. */
  key?: string;
}

/** What is wanted: undefined for all, else by {@link sectionKey} order. */
export type Wanted = { store?: string; mailbox: string }[] | undefined;

function parseTable(text: string, subject: string): FrameRow[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      let row: Record<string, unknown>;
      try {
        row = JSON.parse(line) as Record<string, unknown>;
      } catch {
        throw damagedLine(subject, 'table');
      }
      const { offset, length, mailbox, store, area } = row;
      if (typeof offset !== 'number' || typeof length !== 'number') throw damagedLine(subject, 'table');
      if (typeof mailbox !== 'string' || typeof store !== 'string' || typeof area !== 'string') return { offset, length };
      return { offset, length, key: `${decodeName(store) ?? ''}\0${decodeName(mailbox) ?? ''}\0${area}` };
    });
}

function isWanted(wanted: Wanted, section: Section): boolean {
  return wanted === undefined || wanted.some((want) => want.mailbox === section.mailbox && (want.store ?? section.store) === section.store);
}

/** Whether a frame that begins with `from`, where the next begins with `to`, can hold anything that is wanted. */
function mayHold(wanted: Wanted, from: string, to: string | undefined): boolean {
  if (wanted === undefined) return true;
  const firstStore = from.slice(0, from.indexOf('\0'));
  return wanted.some((want) => {
    // Without a store every store's mailbox of that name is wanted; a frame is then judged within its own store.
    const store = want.store ?? firstStore;
    const crosses = want.store === undefined && to !== undefined && !to.startsWith(`${firstStore}\0`);
    return (
      crosses ||
      (byBytes(`${store}\0${want.mailbox}\0~`, from) >= 0 && (to === undefined || byBytes(`${store}\0${want.mailbox}\0`, to) <= 0))
    );
  });
}

const SECTION = '{"mailbox":"';

/** The lines of a frame that belong to wanted mailboxes: other sections need not be understood. What is no section line stays, and fails where it is parsed. */
function wantedLines(text: string, wanted: Wanted): string {
  if (wanted === undefined || !text.startsWith(SECTION)) return text;
  const kept: string[] = [];
  for (let at = 0; at >= 0 && at < text.length;) {
    const found = text.indexOf(`\n${SECTION}`, at);
    const end = found < 0 ? text.length : found + 1;
    if (mayBeWanted(text.slice(at, text.indexOf('\n', at) + 1), wanted)) kept.push(text.slice(at, end));
    at = end;
  }
  return kept.join('');
}

function mayBeWanted(line: string, wanted: NonNullable<Wanted>): boolean {
  try {
    const { mailbox, store } = JSON.parse(line) as Record<string, unknown>;
    if (typeof mailbox !== 'string' || typeof store !== 'string') return true;
    const [name, from] = [decodeName(mailbox), decodeName(store)];
    return name === undefined || from === undefined || wanted.some((want) => want.mailbox === name && (want.store ?? from) === from);
  } catch {
    return true;
  }
}

export interface OpenCatalog {
  kind: CatalogKind;
  /** Numbers of the packs it names. */
  packs: number[];
  sections(wanted?: Wanted): AsyncGenerator<Section>;
}

/**
 * Opens a catalog.
 * @param name its file name
 * @throws MailrecoverError `damage`, `key`
 */
export async function openCatalog(
  target: Target,
  name: string,
  identities: readonly Identity[] | undefined,
  numbering: PackNumbering,
): Promise<OpenCatalog> {
  const path = objectPath('catalog', name);
  const window = await openWindow(target, path, identities);
  const { frame } = await readTableFrame(window, path);
  const rows = parseTable(decompressBounded(frame, MAX_FRAME, path).toString('latin1'), path);
  const first = rows[0];
  if (first === undefined) throw damagedLine(path, 'table');
  const frameText = (bytes: Buffer): string => decompressBounded(bytes, MAX_FRAME, path).toString('latin1');
  const head = parseHead(frameText(await window.read(first.offset, first.offset + first.length)), numbering, path);

  async function* sections(wanted?: Wanted): AsyncGenerator<Section> {
    const body = rows.slice(1);
    const needed = body.filter((row, index) => mayHold(wanted, row.key ?? '', body[index + 1]?.key));
    const parser = new SectionParser(path, head.packs);
    for (let at = 0; at < needed.length;) {
      const start = needed[at] as FrameRow;
      let last = at;
      for (; last + 1 < needed.length; last++) {
        const next = needed[last + 1] as FrameRow;
        const held = needed[last] as FrameRow;
        if (next.offset !== held.offset + held.length || next.offset + next.length - start.offset > FETCH) break;
      }
      const end = needed[last] as FrameRow;
      const bytes = await window.read(start.offset, end.offset + end.length);
      for (; at <= last; at++) {
        const row = needed[at] as FrameRow;
        const from = row.offset - start.offset;
        const text = wantedLines(frameText(bytes.subarray(from, from + row.length)), wanted);
        for (const section of parser.push(text)) if (isWanted(wanted, section)) yield section;
      }
    }
    for (const section of parser.end()) if (isWanted(wanted, section)) yield section;
  }

  return { ...head, sections };
}

export interface SnapshotState {
  numbering: PackNumbering;
  /** The full sections, in order. Can be gone through once. */
  sections: AsyncGenerator<FullSection>;
}

/**
 * The state that catalogs, in the order in which they are applied, make up.
 * Deltas are held in memory; the base goes by section by section.
 */
export async function readState(
  target: Target,
  names: readonly string[],
  identities: readonly Identity[] | undefined,
  wanted?: Wanted,
): Promise<SnapshotState> {
  const numbering = new PackNumbering();
  const [baseName, ...deltaNames] = names;
  if (baseName === undefined) throw new MailrecoverError('damage', 'a snapshot names no catalog');
  const base = await openCatalog(target, baseName, identities, numbering);
  if (base.kind !== 'base') throw damagedLine(baseName, 'a base is expected first');
  const changes = new Map<string, Section>();
  for (const name of deltaNames) {
    const delta = await openCatalog(target, name, identities, numbering);
    if (delta.kind !== 'delta') throw damagedLine(name, 'a delta is expected');
    for await (const section of delta.sections(wanted))
      changes.set(sectionKey(section), mergeDeltas(changes.get(sectionKey(section)), section));
  }
  return { numbering, sections: overlaid(base.sections(wanted), changes) };
}

async function* overlaid(base: AsyncGenerator<Section>, changes: Map<string, Section>): AsyncGenerator<FullSection> {
  const pending = [...changes].sort(([a], [b]) => byBytes(a, b));
  let next = 0;
  function* upTo(key: string | undefined): Generator<FullSection> {
    for (; next < pending.length; next++) {
      const [pendingKey, change] = pending[next] as [string, Section];
      if (key !== undefined && byBytes(pendingKey, key) >= 0) return;
      const full = applySection(undefined, change);
      if (full !== undefined) yield full;
    }
  }
  for await (const section of base) {
    const key = sectionKey(section);
    yield* upTo(key);
    const change = pending[next]?.[0] === key ? pending[next]?.[1] : undefined;
    if (change === undefined) yield asFull(section);
    else {
      next++;
      const full = applySection(section, change);
      if (full !== undefined) yield full;
    }
  }
  yield* upTo(undefined);
}
