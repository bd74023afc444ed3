/** A place where a repository lives. */
import type { Finding } from '../errors/finding.ts';

export interface StoredObject {
  /** Path inside the repository, with `/`, e.g. `packs/ab/ab…`. */
  path: string;
  /** Bytes. */
  size: number;
}

/**
 * What a repository asks of a place. Paths are relative, with `/`, of the
 * characters `A-Z a-z 0-9 . _ -`. Every call may fail with `unreachable`, `io` or `no-space`.
 */
export interface Target {
  /** How users name the place, without secrets. */
  readonly location: string;
  /** How many calls are best under way at once: more than one where each waits for a network; absent where one after the other does. */
  readonly parallel?: number;
  /**
   * Stores an object durably and in one step: when it resolves the object
   * survives a power cut, and nobody ever sees a part of it. An object of the
   * same path is replaced by the same bytes or, for `exclusive`, left alone.
   * @returns false where `exclusive` was asked and the path was taken
   */
  put(path: string, data: Uint8Array, options?: { exclusive?: boolean }): Promise<boolean>;
  /** Reads an object whole, into memory of its own, which may be handed to a thread. Throws `not-found` where there is none. */
  get(path: string): Promise<Buffer>;
  /** Reads the bytes from `start` up to, not including, `end`; fewer where the object ends before. */
  getRange(path: string, start: number, end: number): Promise<Buffer>;
  /** The object's size in bytes, or undefined where there is none. */
  size(path: string): Promise<number | undefined>;
  /**
   * Lists the objects below a folder ('' for the whole place), in no particular order; nothing where there is no such folder.
   * @param options.all also what is no object: unfinished writes, and files that are not plain ones
   */
  list(folder: string, options?: { all?: boolean }): AsyncIterable<StoredObject>;
  /** Removes an object; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /**
   * Keeps objects from being removed for as long as the place was told to, from now on; absent where it was not, or can't.
   * @param paths what is needed still
   * @param known until when it is known to be kept, by path, in milliseconds since 1970: what a call before this returned
   * @returns the same for the paths, after it
   * @throws MailrecoverError where some of it could not be kept
   */
  retain?(paths: readonly string[], known: ReadonlyMap<string, number>): Promise<Map<string, number>>;
  /** What was found out so far that this place can't promise; absent where there is nothing to find out. */
  findings?(): readonly Finding[];
  /** Ends connections; absent where there are none. Nothing is asked of the target after it. */
  close?(): Promise<void>;
}
