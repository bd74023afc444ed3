/** Catalog lines from plain data (docs/format.md, "Catalogs"). */
import {
  isFullMessage,
  type Dir,
  type FileState,
  type LinkState,
  type MessagePatch,
  type MessageState,
  type Owned,
  type Part,
  type Section,
} from './model.ts';
import { byBytes, encodeName } from './percent.ts';

/** Microseconds as seconds with six digits. */
export function encodeTime(micros: number): string {
  const size = Math.abs(micros);
  const seconds = Math.floor(size / 1e6);
  return `${micros < 0 ? '-' : ''}${seconds}.${String(size - seconds * 1e6).padStart(6, '0')}`;
}

function encodeOwner(owned: Omit<Owned, 'mtime'>): string {
  return `"mode":"${owned.mode.toString(8)}","user":"${encodeName(owned.user)}","group":"${encodeName(owned.group)}"`;
}

/** A section's own line; `tail` may add that it is gone. */
export function encodeSection(section: Section, tail = ''): string {
  return `{"mailbox":"${encodeName(section.mailbox)}","store":"${encodeName(section.store)}","area":"${section.area}","root":"${encodeName(section.root)}"${tail}}\n`;
}

export function encodeDir(path: string, own: Owned | undefined): string {
  return own === undefined
    ? `{"dir":"${encodeName(path)}"}\n`
    : `{"dir":"${encodeName(path)}",${encodeOwner(own)},"mtime":"${encodeTime(own.mtime)}"}\n`;
}

export function encodeGoneDir(path: string): string {
  return `{"dir":"${encodeName(path)}","gone":true}\n`;
}

function encodeFile(name: string, file: FileState | null, packOf: (pack: number) => number): string {
  if (file === null) return `{"file":"${encodeName(name)}","gone":true}\n`;
  const parts = encodeParts(file.parts, packOf);
  return `{"file":"${encodeName(name)}",${encodeOwner(file)},"mtime":"${encodeTime(file.mtime)}","size":${file.size},"parts":[${parts}]}\n`;
}

function encodeParts(parts: readonly Part[], packOf: (pack: number) => number): string {
  return parts.map((part) => `"${part.sha}:${packOf(part.pack)}"`).join(',');
}

function encodeLink(name: string, link: LinkState | null): string {
  if (link === null) return `{"link":"${encodeName(name)}","gone":true}\n`;
  return `{"link":"${encodeName(name)}","to":"${encodeName(link.to)}","user":"${encodeName(link.user)}","group":"${encodeName(link.group)}","mtime":"${encodeTime(link.mtime)}"}\n`;
}

function encodePatch(base: string, patch: MessagePatch, packOf: (pack: number) => number): string {
  const where = patch.in === undefined ? '' : `,"in":"${patch.in}"`;
  const flags = patch.flags === undefined ? '' : `,"flags":"${encodeName(patch.flags)}"`;
  const pack = patch.pack === undefined ? '' : `,"pack":${packOf(patch.pack)}`;
  return `{"msg":"${encodeName(base)}"${where}${flags}${pack}}\n`;
}

function sorted<T>(map: Map<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => byBytes(a, b));
}

/**
 * The lines of what is in a directory, in their order. Lines are given to
 * `emit`; it returns true when a new block was begun, so that owners are said again.
 */
export function encodeContents(dir: Dir, packOf: (pack: number) => number, emit: (line: string) => boolean): void {
  for (const [name, file] of sorted(dir.files)) emit(encodeFile(name, file, packOf));
  for (const [name, link] of sorted(dir.links)) emit(encodeLink(name, link));
  let said = '';
  for (const [base, message] of sorted(dir.messages)) {
    if (message === null || !isFullMessage(message)) {
      // A block may begin anew behind any line.
      const line = message === null ? `{"msg":"${encodeName(base)}","gone":true}\n` : encodePatch(base, message, packOf);
      if (emit(line)) said = '';
    } else {
      const owner = encodeOwner(message);
      const line = (withOwner: boolean): string => encodeMessage(base, message, withOwner ? `,${owner}` : '', packOf);
      const begun = emit(line(owner !== said));
      said = begun ? '' : owner;
    }
  }
}

function encodeMessage(base: string, message: MessageState, owner: string, packOf: (pack: number) => number): string {
  const rest = message.rest === undefined ? '' : `,"rest":[${encodeParts(message.rest, packOf)}]`;
  return `{"msg":"${encodeName(base)}","in":"${message.in}","flags":"${encodeName(message.flags)}"${owner},"mtime":"${encodeTime(message.mtime)}","size":${message.size},"sha":"${message.sha}","pack":${packOf(message.pack)}${rest}}\n`;
}
