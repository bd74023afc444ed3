import { lstatSync, readdirSync, type Dirent } from 'node:fs';
import { MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { type ByteString, displayBytes, fsPath, toBytes } from './bytes.ts';
import { below, followLink, realPath, unreadable, type Place } from './links.ts';
import { bind, boundUser, type Bound, matcher, type Matcher, resolve } from './matching.ts';
import { expandBytes, fixedPart, lowerAscii, type Pattern } from './pattern.ts';

/** A mailbox that lies on disk. Paths are byte strings (see bytes.ts). */
export interface FoundMailbox {
  /** As its users know it: `alice@example.org`, or `alice` where the pattern has no domain. */
  mailbox: string;
  /** Absolute, as the pattern has it. */
  path: ByteString;
  /** Where it really lies: no component of it is a symbolic link. */
  real: ByteString;
  /** Below the pattern's fixed part: `example.org/alice/Maildir`. */
  relative: ByteString;
}

export interface FindOptions {
  signal?: AbortSignal;
  /** The mailbox's name, for a pattern without variables. */
  mailbox?: string;
  /** What a mailbox is on disk; an mbox may be a `file`. */
  kind?: 'directory' | 'file';
}

export interface FoundMailboxes {
  /** In byte order of `relative`. */
  mailboxes: FoundMailbox[];
  /** What could not be listed or was not followed. */
  findings: Finding[];
}

/**
 * Lists the mailboxes that a pattern finds, by walking only the levels that it has. Names that begin with a dot count
 * only where the pattern's component does, and `lost+found` never. Symbolic links are followed only as in
 * {@link followLink}; a mailbox that is reached over a link and also without one (or over two links) is listed once.
 * @throws {MailrecoverError} `config` when the pattern has no variables and no `mailbox` is named
 */
export async function findMailboxes(pattern: Pattern, options: FindOptions = {}): Promise<FoundMailboxes> {
  if (!pattern.hasVariables && options.mailbox === undefined) {
    throw new MailrecoverError('config', `mail path '${pattern.text}' has no variable and no mailbox name`, {
      hint: 'name the user in it by %u, or by %d and %n, or say whose mailbox it is',
      subject: pattern.text,
    });
  }
  const walk = new Walk(pattern, options);
  const root = fixedPart(pattern);
  await walk.descend({ path: root, real: realPath(root) }, pattern.fixed, {}, false);
  return walk.result();
}

/** Directories looked at between two pauses in which timers and signals get their turn. */
const PAUSE_EVERY = 256;

class Walk {
  private readonly findings: Finding[] = [];
  private readonly found: (FoundMailbox & { linked: boolean })[] = [];
  private readonly matchers: (Matcher | undefined)[];
  private readonly base: number;
  private readonly checkExpansion: boolean;
  private steps = 0;
  private readonly pattern: Pattern;
  private readonly options: FindOptions;

  constructor(pattern: Pattern, options: FindOptions) {
    this.pattern = pattern;
    this.options = options;
    this.matchers = pattern.components.map((component) => (component.literal === undefined ? matcher(component) : undefined));
    const root = fixedPart(pattern);
    this.base = root === '/' ? 1 : root.length + 1;
    // A prefix such as %1n cannot be checked before the whole name is known.
    this.checkExpansion = pattern.components.some((c) =>
      c.parts.some((p) => p.kind === 'variable' && (p.length !== undefined || p.offset > 0)),
    );
  }

  /** Goes on with component number `level`, inside of `dir`; `linked` says that a symbolic link led here. */
  async descend(dir: Place, level: number, bound: Bound, linked: boolean): Promise<void> {
    const component = this.pattern.components[level];
    if (component === undefined) {
      this.take(dir, bound, linked);
      return;
    }
    if (++this.steps % PAUSE_EVERY === 0) await new Promise((go) => setImmediate(go));
    this.options.signal?.throwIfAborted();

    const name = component.literal ?? resolve(component, bound);
    if (name !== undefined) {
      const place = below(dir, name);
      const type = this.typeOf(place);
      if (type !== undefined) await this.enter(place, type, level, bound, linked);
      return;
    }

    const match = this.matchers[level];
    if (match === undefined) return;
    const [first] = component.parts;
    const hidden = first?.kind === 'literal' && first.bytes.startsWith('.');
    for (const entry of this.list(dir, level)) {
      if ((entry.name.startsWith('.') && !hidden) || entry.name === 'lost+found') continue;
      const type = entry.isSymbolicLink() ? 'link' : entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : undefined;
      if (type === undefined) continue;
      const values = match(entry.name);
      const next = values === undefined ? undefined : bind(bound, component, values);
      if (next !== undefined) await this.enter(below(dir, entry.name), type, level, next, linked);
    }
  }

  private async enter(place: Place, type: EntryType, level: number, bound: Bound, linked: boolean): Promise<void> {
    const last = level === this.pattern.components.length - 1;
    const wanted = last ? (this.options.kind ?? 'directory') : 'directory';
    if (type === wanted) await this.descend(place, level + 1, bound, linked);
    if (type !== 'link') return;
    const real = followLink(place, wanted, this.findings);
    if (real !== undefined) await this.descend({ path: place.path, real }, level + 1, bound, true);
  }

  private list({ path, real }: Place, level: number): Dirent[] {
    try {
      // Latin-1 gives each byte of a name as one character.
      return readdirSync(fsPath(real), { withFileTypes: true, encoding: 'latin1' });
    } catch (error) {
      // A directory that vanished below the fixed part was removed just now; the fixed part itself has to be there.
      if (level === this.pattern.fixed || !isGone(error)) this.findings.push(unreadable(error, 'list', path));
      return [];
    }
  }

  private typeOf({ path, real }: Place): EntryType | undefined {
    try {
      const stat = lstatSync(fsPath(real), { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      return stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : undefined;
    } catch (error) {
      if (!isGone(error)) this.findings.push(unreadable(error, 'look at', path));
      return undefined;
    }
  }

  private take({ path, real }: Place, bound: Bound, linked: boolean): void {
    const user = this.pattern.hasVariables ? boundUser(bound) : toBytes(this.options.mailbox ?? '');
    if (user === undefined) return;
    const mailbox = displayBytes(user);
    if (this.checkExpansion && lowerAscii(expandBytes(this.pattern, user) ?? '') !== lowerAscii(path)) return;
    this.found.push({ mailbox, path, real, relative: path.slice(this.base), linked });
  }

  result(): FoundMailboxes {
    const sorted = this.found.toSorted((a, b) => (a.relative < b.relative ? -1 : a.relative > b.relative ? 1 : 0));
    const real = new Map<ByteString, FoundMailbox>();
    const mailboxes: FoundMailbox[] = [];
    // Without links first: over a link comes only what lies nowhere else in the pattern.
    for (const { linked: _, ...found } of [...sorted.filter((f) => !f.linked), ...sorted.filter((f) => f.linked)]) {
      const other = real.get(found.real);
      if (other !== undefined) {
        this.findings.push({
          severity: 'info',
          code: 'link-alias',
          message: `mailbox '${found.mailbox}' is a symbolic link to '${other.mailbox}' and is not read twice`,
          subject: found.mailbox,
        });
        continue;
      }
      real.set(found.real, found);
      mailboxes.push(found);
    }
    mailboxes.sort((a, b) => (a.relative < b.relative ? -1 : 1));
    return { mailboxes, findings: this.findings };
  }
}

type EntryType = 'directory' | 'file' | 'link';

function isGone(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
