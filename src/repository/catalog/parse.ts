/** Sections from the lines of a catalog. */
import { MailrecoverError } from '../../errors/error.ts';
import { shaOfName } from '../names.ts';
import { damagedLine, LineDecoder, type PackNumbering, type RawLine } from './decode.ts';
import { emptyDir, isFullMessage, sectionKey, type CatalogKind, type Dir, type Owned, type Section } from './model.ts';

export interface CatalogHead {
  kind: CatalogKind;
  /** Numbers of its packs. */
  packs: number[];
}

function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damagedLine(subject, 'no JSON');
  }
}

/** Reads a catalog's first line. */
export function parseHead(text: string, numbering: PackNumbering, subject: string): CatalogHead {
  const line = parseJson(text.split('\n', 1)[0] ?? '', subject) as RawLine | null;
  if (line === null || line['catalog'] !== 1)
    throw new MailrecoverError('repository-format', `'${subject}' is no catalog of a format that is known here`, { subject });
  const { kind, packs } = line;
  if ((kind !== 'base' && kind !== 'delta') || !Array.isArray(packs)) throw damagedLine(subject, 'catalog');
  const numbers = packs.map((name) => {
    if (typeof name !== 'string' || shaOfName('pack', name) === undefined) throw damagedLine(subject, 'packs');
    return numbering.numberOf(name);
  });
  return { kind, packs: numbers };
}

/** Takes the lines of frame after frame, and gives sections as they are complete. */
export class SectionParser {
  readonly #decoder: LineDecoder;
  readonly #subject: string;
  #section: Section | undefined;
  #dir: Dir | undefined;
  #owner: Omit<Owned, 'mtime'> | undefined;
  #complete: Section[] = [];

  constructor(subject: string, packs: readonly number[]) {
    this.#subject = subject;
    this.#decoder = new LineDecoder(subject, packs);
  }

  /** Takes whole lines. @returns the sections that they completed */
  push(text: string): Section[] {
    if (text.endsWith('\n')) {
      const lines = parseJson(`[${text.slice(0, -1).replaceAll('\n', ',')}]`, this.#subject) as RawLine[];
      for (const line of lines) {
        if (typeof line !== 'object' || line === null) throw damagedLine(this.#subject, 'no object');
        this.#line(line);
      }
    } else if (text !== '') throw damagedLine(this.#subject, 'cut short');
    return this.#complete.splice(0);
  }

  /** The section that was open at the end. */
  end(): Section[] {
    if (this.#section !== undefined) this.#complete.push(this.#section);
    this.#section = undefined;
    return this.#complete.splice(0);
  }

  #line(line: RawLine): void {
    if (line['mailbox'] !== undefined) this.#sectionLine(line);
    else if (line['dir'] !== undefined) this.#dirLine(line);
    else this.#entryLine(line);
  }

  #sectionLine(line: RawLine): void {
    const decoder = this.#decoder;
    const next: Section = {
      mailbox: decoder.text(line, 'mailbox'),
      store: decoder.text(line, 'store'),
      area: decoder.area(line),
      root: decoder.path(line, 'root'),
      dirs: new Map(),
    };
    this.#dir = undefined;
    const held = this.#section;
    if (held !== undefined && sectionKey(held) === sectionKey(next)) {
      // Gone, and there again: what follows is new.
      if (line['gone'] !== true && held.gone === true) {
        delete held.gone;
        held.reset = true;
      }
      return;
    }
    if (held !== undefined) this.#complete.push(held);
    if (line['gone'] === true) next.gone = true;
    this.#section = next;
  }

  #dirLine(line: RawLine): void {
    const section = this.#section;
    if (section === undefined) throw damagedLine(this.#subject, 'dir before mailbox');
    const path = this.#decoder.path(line, 'dir');
    this.#owner = undefined;
    let dir = section.dirs.get(path);
    if (dir === undefined) {
      dir = emptyDir();
      section.dirs.set(path, dir);
    } else if (dir.gone === true && line['gone'] !== true) {
      delete dir.gone;
      dir.reset = true;
    }
    if (line['gone'] === true) dir.gone = true;
    else if (line['mode'] !== undefined) dir.own = this.#decoder.owned(line);
    this.#dir = dir;
  }

  #entryLine(line: RawLine): void {
    const dir = this.#dir;
    const gone = line['gone'] === true;
    const decoder = this.#decoder;
    if (line['msg'] !== undefined && dir !== undefined) {
      const message = gone ? null : decoder.message(line, this.#owner);
      if (message !== null && isFullMessage(message)) this.#owner = message;
      dir.messages.set(decoder.name(line, 'msg'), message);
    } else if (line['file'] !== undefined && dir !== undefined) dir.files.set(decoder.name(line, 'file'), gone ? null : decoder.file(line));
    else if (line['link'] !== undefined && dir !== undefined) dir.links.set(decoder.name(line, 'link'), gone ? null : decoder.link(line));
    else throw damagedLine(this.#subject, 'unknown line');
  }
}
