import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { free, release } from '../../system/memory.ts';
import type { Recipient } from '../age/keys.ts';
import { Wrapping } from '../envelope.ts';
import { objectName } from '../names.ts';
import { unequal } from '../unequal.ts';
import { compressFrame, decompressFrame } from '../zstd.ts';
import { encodeContents, encodeDir, encodeGoneDir, encodeSection } from './encode.ts';
import type { CatalogKind, Dir, Section } from './model.ts';
import { SectionParser } from './parse.ts';
import { byBytes, encodeName } from './percent.ts';

/** Text after which a frame of a catalog ends. */
const FRAME_TEXT = 1024 * 1024;
/** Lines that differ in hashes and numbers are no smaller at higher levels, which take up to three times as long (measured). */
const LEVEL = 2;
/** Bytes that are added around frames, mostly; a thousandth of the frames beside. */
const WRAPPING = 4096;

export interface BuiltCatalog {
  name: string;
  bytes: Buffer;
  kind: CatalogKind;
  /** Lines that state something about a file, link, message or directory. */
  lines: number;
  /** The same catalog without encryption; of a delta alone. */
  clear?: () => Buffer;
}

/**
 * Writes one catalog. Sections are added in the order of {@link sectionKey}.
 * Messages name packs by numbers that the caller knows; `packNames` says what they are called.
 */
export class CatalogWriter {
  readonly #recipients: readonly Recipient[] | undefined;
  readonly #kind: CatalogKind;
  readonly #packName: (pack: number) => string;
  readonly #packs = new Map<number, number>();
  /** What the packs are called by whoever reads this back: their own numbers. */
  readonly #ownNumbers: number[] = [];
  readonly #frames: Buffer[] = [];
  #table = '';
  #offset = 0;
  #text: string[] = [];
  #length = 0;
  #section: Section | undefined;
  #lines = 0;
  /** Files, links and messages in the frame that is being made. */
  #entries = 0;

  constructor(options: { kind: CatalogKind; recipients: readonly Recipient[] | undefined; packName: (pack: number) => string }) {
    this.#kind = options.kind;
    this.#recipients = options.recipients;
    this.#packName = options.packName;
  }

  readonly #packOf = (pack: number): number => {
    let number = this.#packs.get(pack);
    if (number === undefined) {
      number = this.#packs.size;
      this.#packs.set(pack, number);
      this.#ownNumbers.push(number);
    }
    return number;
  };

  #push(line: string): void {
    this.#text.push(line);
    this.#length += line.length;
  }

  /** Ends the frame that is being made, and proves it: what is added after this lies in others. */
  endFrame(): void {
    if (this.#length === 0 || this.#section === undefined) return;
    const text = this.#text.join('');
    this.#prove(text);
    const frame = checkedFrame(text);
    const { mailbox, store, area } = this.#section;
    const where = `"mailbox":"${encodeName(mailbox)}","store":"${encodeName(store)}","area":"${area}"`;
    this.#table += `{"frame":${this.#frames.length + 1},"offset":@${this.#offset},"length":${frame.length},${where}}\n`;
    this.#frames.push(frame);
    this.#offset += frame.length;
    this.#text = [];
    this.#length = 0;
    this.#section = undefined;
  }

  /** Each frame must be understood by itself, by the very code that restores from it. @throws MailrecoverError `bug` */
  #prove(text: string): void {
    const parser = new SectionParser('new catalog', this.#ownNumbers);
    let entries = 0;
    try {
      for (const section of [...parser.push(text), ...parser.end()]) for (const dir of section.dirs.values()) entries += sizeOf(dir);
    } catch (error) {
      throw misunderstood(error);
    }
    if (entries !== this.#entries) throw misunderstood(`${entries} entries of ${this.#entries}`);
    this.#entries = 0;
  }

  /** Adds all that is said of one area of one mailbox. */
  add(section: Section): void {
    if (this.#length >= FRAME_TEXT) this.endFrame();
    this.#section ??= section;
    if (section.gone === true || section.reset === true) {
      this.#push(encodeSection(section, ',"gone":true'));
      this.#lines++;
    }
    if (section.gone === true) return;
    this.#push(encodeSection(section));
    for (const [path, dir] of [...section.dirs].sort(([a], [b]) => byBytes(a, b))) this.#addDir(section, path, dir);
  }

  #addDir(section: Section, path: string, dir: Dir): void {
    this.#lines++;
    if (dir.gone === true || dir.reset === true) this.#push(encodeGoneDir(path));
    if (dir.gone === true) return;
    this.#push(encodeDir(path, dir.own));
    encodeContents(dir, this.#packOf, (line) => {
      this.#push(line);
      this.#lines++;
      this.#entries++;
      if (this.#length < FRAME_TEXT) return false;
      this.endFrame();
      this.#section = section;
      this.#push(encodeSection(section));
      this.#push(encodeDir(path, dir.own));
      return true;
    });
  }

  /** Ends the catalog. */
  finish(): BuiltCatalog {
    this.endFrame();
    const packs = [...this.#packs.keys()].map((pack) => `"${this.#packName(pack)}"`).join(',');
    const head = checkedFrame(`{"catalog":1,"kind":"${this.#kind}","packs":[${packs}]}\n`);
    const table =
      `{"frame":0,"offset":0,"length":${head.length}}\n` +
      this.#table.replaceAll(/@(\d+)/g, (_, offset: string) => String(Number(offset) + head.length));
    const frames = [head, ...this.#frames, checkedFrame(table)];
    // A base is large, and nobody asks for its frames again.
    const bytes = wrapped(frames, this.#recipients, { prove: true, used: this.#kind === 'base' ? free : undefined });
    const sha = createHash('sha256').update(bytes).digest('hex');
    return {
      name: objectName('catalog', sha, this.#recipients !== undefined),
      bytes,
      kind: this.#kind,
      lines: this.#lines,
      ...(this.#kind === 'base' ? {} : { clear: () => wrapped(frames, undefined) }),
    };
  }
}

/** @param frames the last is the table frame @param options.used is told of each once it is not needed any more */
function wrapped(
  frames: readonly Buffer[],
  recipients: readonly Recipient[] | undefined,
  { prove = false, used }: { prove?: boolean; used?: ((frame: Buffer) => void) | undefined } = {},
): Buffer {
  const size = frames.reduce((sum, frame) => sum + frame.length, 0);
  const wrapping = new Wrapping(recipients, { prove, room: Math.ceil(size * 1.001) + WRAPPING });
  for (const frame of frames.slice(0, -1)) {
    wrapping.add(frame);
    used?.(frame);
  }
  return wrapping.finish(frames.at(-1) as Buffer);
}

/** Compresses text, and proves that it comes back. */
function checkedFrame(text: string): Buffer {
  const raw = Buffer.from(text, 'latin1');
  const frame = compressFrame(raw, LEVEL);
  const readBack = decompressFrame(frame, raw.length, 'new catalog');
  if (!readBack.equals(raw)) throw unequal();
  release(readBack);
  release(raw);
  return frame;
}

function sizeOf({ files, links, messages }: Dir): number {
  return files.size + links.size + messages.size;
}

function misunderstood(cause: unknown): MailrecoverError {
  return new MailrecoverError(
    'bug',
    `a catalog would not be understood by a restore, so it was not stored: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: 'the snapshots before are as good as they were; please report this',
      cause,
    },
  );
}
