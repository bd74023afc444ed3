/**
 * What was taken over of each mailbox last: the state that both hosts had in common. Only what stands in it is ever removed by a
 * synchronisation, and a merge after a switch compares both sides with it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import type { MailboxName, Taken } from './model.ts';

function root(state: string): string {
  return join(state, 'standby', 'mailboxes');
}

/** A short name for a mailbox, for files. */
export function hashOf({ store, mailbox }: MailboxName): string {
  return createHash('sha256').update(`${store}\0${mailbox}`, 'latin1').digest('hex').slice(0, 24);
}

export class TakenStore {
  readonly #root: string;

  constructor(state: string) {
    this.#root = root(state);
  }

  #path(name: MailboxName, next: boolean): string {
    return join(this.#root, `${hashOf(name)}${next ? '.next' : ''}.json.zst`);
  }

  /** @returns undefined where nothing was taken over yet */
  read(name: MailboxName): Taken | undefined {
    return read(this.#path(name, false));
  }

  /** What a run was about to take over when it was killed. */
  readNext(name: MailboxName): Taken | undefined {
    return read(this.#path(name, true));
  }

  /** Says what is about to be taken over. */
  async begin(taken: Taken): Promise<void> {
    await makeDirectory(this.#root);
    await writeDurable(this.#path(taken.cut, true), encode(taken));
  }

  /** What was about to be taken over is, or is no longer wanted. */
  discardNext(name: MailboxName): void {
    rmSync(this.#path(name, true), { force: true });
  }

  /** Writes what is the common state, in one step. */
  async write(taken: Taken): Promise<void> {
    await makeDirectory(this.#root);
    await writeDurable(this.#path(taken.cut, false), encode(taken));
  }
}

function encode(taken: Taken): Buffer {
  return zstdCompressSync(JSON.stringify(taken));
}

function read(path: string): Taken | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
  try {
    const taken = JSON.parse(zstdDecompressSync(bytes).toString('utf8')) as Taken;
    if (taken.version === 1) return taken;
  } catch (cause) {
    throw new MailrecoverError('damage', `the record of what was synchronised can not be read: '${path}'`, {
      subject: path,
      hint: 'move it away and run the synchronisation with --adopt; a merge needs it, so keep it where the standby was switched to meanwhile',
      cause,
    });
  }
  throw new MailrecoverError('damage', `'${path}' is of a version that this one does not know`, { subject: path });
}
