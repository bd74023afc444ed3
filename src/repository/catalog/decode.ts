/**
 * Plain data from catalog lines. Every field is checked: a catalog may come from
 * a damaged or hostile repository, and what is wrong in it must stay harmless.
 */
import { MailrecoverError } from '../../errors/error.ts';
import { AREAS, type Area, type FileState, type LinkState, type MessagePatch, type MessageState, type Owned, type Part } from './model.ts';
import { decodeName } from './percent.ts';

/** Any line of a catalog as JSON gives it. */
export type RawLine = Record<string, unknown>;

/** Numbers packs across catalogs, so that sections of several can be laid over each other. */
export class PackNumbering {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.names.length;
      this.names.push(name);
      this.#numbers.set(name, number);
    }
    return number;
  }
}

export function damagedLine(subject: string, what: string): MailrecoverError {
  return new MailrecoverError('damage', `a line of '${subject}' is not as the format has it (${what})`, { subject });
}

/** A path below its root: no empty, `.` or `..` component, not absolute, no NUL. */
export function isSafePath(path: string): boolean {
  if (path === '') return true;
  return !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** A file name: one safe component. */
export function isSafeName(name: string): boolean {
  return name !== '' && !name.includes('/') && isSafePath(name);
}

/** Reads the fields of lines; one for each catalog, which it names in errors. */
export class LineDecoder {
  readonly #subject: string;
  readonly #packs: readonly number[];

  /** @param packs number (see {@link PackNumbering}) of each pack in the catalog's first line */
  constructor(subject: string, packs: readonly number[]) {
    this.#subject = subject;
    this.#packs = packs;
  }

  fail(what: string): MailrecoverError {
    return damagedLine(this.#subject, what);
  }

  text(line: RawLine, field: string): string {
    const value = line[field];
    const name = typeof value === 'string' ? decodeName(value) : undefined;
    if (name === undefined) throw this.fail(field);
    return name;
  }

  path(line: RawLine, field: string): string {
    const path = this.text(line, field);
    if (!isSafePath(path)) throw this.fail(`unsafe path in ${field}`);
    return path;
  }

  name(line: RawLine, field: string): string {
    const name = this.text(line, field);
    if (!isSafeName(name)) throw this.fail(`unsafe name in ${field}`);
    return name;
  }

  area(line: RawLine): Area {
    const area = AREAS.find((each) => each === line['area']);
    if (area === undefined) throw this.fail('area');
    return area;
  }

  #size(line: RawLine): number {
    const size = line['size'];
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw this.fail('size');
    return size;
  }

  #time(line: RawLine): number {
    const match = typeof line['mtime'] === 'string' ? /^(-?)(\d{1,10})\.(\d{6})$/.exec(line['mtime']) : null;
    if (match === null) throw this.fail('mtime');
    const size = Number(match[2]) * 1e6 + Number(match[3]);
    return match[1] === '-' ? -size : size;
  }

  #mode(line: RawLine): number {
    const mode = line['mode'];
    if (typeof mode !== 'string' || !/^[0-7]{1,4}$/.test(mode)) throw this.fail('mode');
    return Number.parseInt(mode, 8);
  }

  #sha(text: unknown): string {
    if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) throw this.fail('sha');
    return text;
  }

  #pack(value: unknown): number {
    const number = typeof value === 'number' ? this.#packs[value] : undefined;
    if (number === undefined) throw this.fail('pack');
    return number;
  }

  owned(line: RawLine): Owned {
    return { mode: this.#mode(line), user: this.text(line, 'user'), group: this.text(line, 'group'), mtime: this.#time(line) };
  }

  file(line: RawLine): FileState {
    return { ...this.owned(line), size: this.#size(line), parts: this.#parts(line['parts']) };
  }

  #parts(parts: unknown): Part[] {
    if (!Array.isArray(parts)) throw this.fail('parts');
    return parts.map((part) => this.#part(part));
  }

  #part(text: unknown): Part {
    if (typeof text !== 'string' || text[64] !== ':') throw this.fail('parts');
    return { sha: this.#sha(text.slice(0, 64)), pack: this.#pack(Number(text.slice(65))) };
  }

  link(line: RawLine): LinkState {
    return { to: this.text(line, 'to'), user: this.text(line, 'user'), group: this.text(line, 'group'), mtime: this.#time(line) };
  }

  #where(line: RawLine): 'cur' | 'new' {
    const where = line['in'];
    if (where !== 'cur' && where !== 'new') throw this.fail('in');
    return where;
  }

  #flags(line: RawLine): string {
    const flags = this.text(line, 'flags');
    if (flags !== '' && (!flags.startsWith(':') || flags.includes('/') || flags.includes('\0'))) throw this.fail('flags');
    return flags;
  }

  /** A message or a patch of one. @param owner mode, user and group stated last in this block */
  message(line: RawLine, owner: Omit<Owned, 'mtime'> | undefined): MessageState | MessagePatch {
    if (line['sha'] === undefined) {
      const patch: MessagePatch = {};
      if (line['in'] !== undefined) patch.in = this.#where(line);
      if (line['flags'] !== undefined) patch.flags = this.#flags(line);
      if (line['pack'] !== undefined) patch.pack = this.#pack(line['pack']);
      return patch;
    }
    const stated =
      line['mode'] === undefined ? owner : { mode: this.#mode(line), user: this.text(line, 'user'), group: this.text(line, 'group') };
    if (stated === undefined) throw this.fail('mode');
    return {
      in: this.#where(line),
      flags: this.#flags(line),
      mode: stated.mode,
      user: stated.user,
      group: stated.group,
      mtime: this.#time(line),
      size: this.#size(line),
      sha: this.#sha(line['sha']),
      pack: this.#pack(line['pack']),
      ...(line['rest'] === undefined ? {} : { rest: this.#parts(line['rest']) }),
    };
  }
}
