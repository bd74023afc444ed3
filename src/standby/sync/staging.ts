/** What lies ready beside a mailbox of the standby until it is taken over: whole messages and files, on the file system of the mailbox. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MailrecoverError } from '../../errors/error.ts';
import { asidePath, namesIn, removeAside, type Handles } from '../../restore/live/aside.ts';
import { attempt, writeFile } from '../../restore/write/files.ts';
import { type ByteString, fsPath } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { stagedKey, type Piece } from './model.ts';

function shaOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The directory of one mailbox. Messages are called by their key and SHA-256, files by their SHA-256. */
export class Staging {
  readonly directory: ByteString;
  /** By hash of the key. */
  readonly #messages = new Map<string, { name: string; size: number; mtime: number }>();
  readonly #files = new Map<string, string>();

  /** Takes up what a run before left whole. @param root of the mail; the directory beside it need not be there yet */
  constructor(root: ByteString, hash: string) {
    this.directory = asidePath({ root }, 'sync', 0).replace(/sync-0$/, `sync-${hash}`);
    for (const name of namesIn(this.directory)) this.#take(name);
  }

  #take(name: string): void {
    const path = `${this.directory}/${name}`;
    const [kind, hash = '', sha = ''] = name.split('-');
    const stats = lstatIfThere(path);
    if (stats?.isFile() !== true || shaOf(readFileSync(fsPath(path))) !== (kind === 'f' ? hash : sha)) return;
    if (kind === 'f') this.#files.set(hash, name);
    else this.#messages.set(hash, { name, size: stats.size, mtime: Math.floor(stats.mtimeMs * 1000) });
  }

  /** Lays content ready; its directory was made before. */
  put(handles: Handles, piece: Piece, content: Uint8Array, isFile: boolean): void {
    if (shaOf(content) !== piece.sha) throw new MailrecoverError('damage', 'a message was changed on its way', { subject: piece.sha });
    const hash = stagedKey(piece.key);
    const name = isFile ? `f-${piece.sha}` : `m-${hash}-${piece.sha}`;
    const path = `${handles.at(this.directory)}/${name}`;
    attempt(`${this.directory}/${name}`, () => {
      writeFile(path, [content], { mode: 0o600, mtime: piece.mtime, uid: undefined, gid: undefined }, true, content.length);
    });
    if (isFile) this.#files.set(piece.sha, name);
    else this.#messages.set(hash, { name, size: content.length, mtime: piece.mtime });
  }

  /** The name under which a message lies ready, or undefined. */
  message(key: string, size: number, mtime: number): string | undefined {
    const held = this.#messages.get(stagedKey(key));
    return held?.size === size && held.mtime === mtime ? held.name : undefined;
  }

  /** The name of the file in which a message lies, by {@link stagedKey}. */
  nameOf(key: string): string | undefined {
    return this.#messages.get(key)?.name;
  }

  /** SHA-256 of a message that lies ready. */
  sha(key: string): string | undefined {
    return this.#messages.get(stagedKey(key))?.name.split('-')[2];
  }

  file(sha: string): Buffer | undefined {
    const name = this.#files.get(sha);
    return name === undefined ? undefined : readFileSync(fsPath(`${this.directory}/${name}`));
  }

  get files(): string[] {
    return [...this.#files.keys()];
  }

  /** Hashes of the keys of all messages that lie ready. */
  get messages(): [hash: string, size: number, mtime: number][] {
    return Array.from(this.#messages, ([hash, { size, mtime }]) => [hash, size, mtime]);
  }

  clear(): void {
    removeAside(this.directory);
    this.#messages.clear();
    this.#files.clear();
  }
}
