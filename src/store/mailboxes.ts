import { lstatSync, readdirSync, realpathSync, statSync, type Dirent } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { type ByteString, displayBytes, fsPath, toBytes } from './bytes.ts';
import { bind, boundUser, type Bound, matcher, type Matcher, resolve } from './matching.ts';
import { expandBytes, fixedPart, lowerAscii, type Pattern } from './pattern.ts';

/** A mailbox that lies on disk. `path` and `relative` are byte strings (see bytes.ts). */
export interface FoundMailbox {
  /** As its users know it: `alice@example.org`, or `alice` where the pattern has no domain. */
  mailbox: string;
  /** Absolute. */
  path: ByteString;
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
 * only where the pattern's component does, and `lost+found` never. Symbolic links are followed only as in `followed`,
 * below; a mailbox that is reached over a link and also without one (or over two links) is listed once.
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
  await walk.descend(fixedPart(pattern), pattern.fixed, {}, false);
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
  async descend(dir: ByteString, level: number, bound: Bound, linked: boolean): Promise<void> {
    const component = this.pattern.components[level];
    if (component === undefined) {
      this.take(dir, bound, linked);
      return;
    }
    if (++this.steps % PAUSE_EVERY === 0) await new Promise((go) => setImmediate(go));
    this.options.signal?.throwIfAborted();

    const parent = dir === '/' ? '' : dir;
    const name = component.literal ?? resolve(component, bound);
    if (name !== undefined) {
      const path = `${parent}/${name}`;
      const type = this.typeOf(path);
      if (type !== undefined) await this.enter(path, type, level, bound, linked);
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
      if (next !== undefined) await this.enter(`${parent}/${entry.name}`, type, level, next, linked);
    }
  }

  private async enter(path: ByteString, type: EntryType, level: number, bound: Bound, linked: boolean): Promise<void> {
    const last = level === this.pattern.components.length - 1;
    const wanted = last ? (this.options.kind ?? 'directory') : 'directory';
    if (type === 'link' ? this.followed(path, wanted) : type === wanted)
      await this.descend(path, level + 1, bound, linked || type === 'link');
  }

  private list(dir: ByteString, level: number): Dirent[] {
    try {
      // Latin-1 gives each byte of a name as one character.
      return readdirSync(fsPath(dir), { withFileTypes: true, encoding: 'latin1' });
    } catch (error) {
      // A directory that vanished below the fixed part was removed just now; the fixed part itself has to be there.
      if (level === this.pattern.fixed || !isGone(error)) this.unreadable(error, 'list', dir);
      return [];
    }
  }

  private typeOf(path: ByteString): EntryType | undefined {
    try {
      const stat = lstatSync(fsPath(path), { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      return stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : undefined;
    } catch (error) {
      if (!isGone(error)) this.unreadable(error, 'look at', path);
      return undefined;
    }
  }

  /**
   * A symbolic link to a mailbox, or to a directory on the way to one, is followed only if root made it, or if its
   * owner owns what it leads to. Otherwise a user could have somebody else's files backed up, and restored, as their
   * own mail. A link that is not followed is an error, not a silence: mail may lie behind it.
   */
  private followed(path: ByteString, wanted: EntryType): boolean {
    const shown = displayBytes(path);
    try {
      const link = lstatSync(fsPath(path));
      const target = statSync(fsPath(path));
      if (wanted === 'directory' ? !target.isDirectory() : !target.isFile()) return false;
      if (link.uid === 0 || link.uid === target.uid) return true;
      this.findings.push({
        severity: 'error',
        code: 'link-not-followed',
        message: `symbolic link '${shown}' belongs to another user than what it leads to`,
        hint: `if it is meant so: chown -h root '${shown}'`,
        subject: shown,
      });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        this.findings.push({
          severity: 'error',
          code: 'link-broken',
          message: `symbolic link '${shown}' leads nowhere`,
          hint: 'mount the file system that it leads to, or remove the link',
          subject: shown,
        });
      } else this.unreadable(error, 'follow', path);
    }
    return false;
  }

  private unreadable(error: unknown, action: string, path: ByteString): void {
    const shown = displayBytes(path);
    this.findings.push({ severity: 'error', code: 'unreadable', message: ioError(error, action, shown).message, subject: shown });
  }

  private take(path: ByteString, bound: Bound, linked: boolean): void {
    const user = this.pattern.hasVariables ? boundUser(bound) : toBytes(this.options.mailbox ?? '');
    if (user === undefined) return;
    const mailbox = displayBytes(user);
    if (this.checkExpansion && lowerAscii(expandBytes(this.pattern, user) ?? '') !== lowerAscii(path)) return;
    this.found.push({ mailbox, path, relative: path.slice(this.base), linked });
  }

  result(): FoundMailboxes {
    const sorted = this.found.toSorted((a, b) => (a.relative < b.relative ? -1 : a.relative > b.relative ? 1 : 0));
    const real = new Map<ByteString, FoundMailbox>();
    const mailboxes: FoundMailbox[] = [];
    const linked = sorted.some((found) => found.linked);
    const root = linked ? this.realPath(fixedPart(this.pattern)) : '';
    // Without links first: over a link comes only what lies nowhere else in the pattern.
    for (const { linked: overLink, ...found } of [...sorted.filter((f) => !f.linked), ...sorted.filter((f) => f.linked)]) {
      if (linked) {
        const place = overLink ? this.realPath(found.path) : `${root === '/' ? '' : root}/${found.relative}`;
        const other = real.get(place);
        if (other !== undefined) {
          this.findings.push({
            severity: 'info',
            code: 'link-alias',
            message: `mailbox '${found.mailbox}' is a symbolic link to '${other.mailbox}' and is not read twice`,
            subject: found.mailbox,
          });
          continue;
        }
        real.set(place, found);
      }
      mailboxes.push(found);
    }
    if (linked) mailboxes.sort((a, b) => (a.relative < b.relative ? -1 : 1));
    return { mailboxes, findings: this.findings };
  }

  private realPath(path: ByteString): ByteString {
    try {
      return realpathSync(fsPath(path), { encoding: 'latin1' });
    } catch {
      return path;
    }
  }
}

type EntryType = 'directory' | 'file' | 'link';

function isGone(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
