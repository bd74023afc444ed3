/** SFTP over one SSH connection (draft-ietf-secsh-filexfer-02, version 3, with OpenSSH's extensions). */
import type { Attributes, Client, FileEntryWithStats, SFTPWrapper } from 'ssh2';
import type { MailrecoverError } from '../../errors/error.ts';
import { monotonic } from '../clock.ts';
import type { RateLimit } from '../rate-limit.ts';
import { connectSsh, unreachableServer, type SshOptions } from './connect.ts';

/** What a server answers (section 7 of the draft). */
export const SFTP_STATUS = { noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const;

/** An answer of the server that is not what was asked for. */
export class SftpStatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'SftpStatusError';
    this.status = status;
  }
}

export type SftpHandle = Buffer & { readonly sftpHandle?: never };

export interface SftpEntry {
  name: string;
  kind: 'file' | 'directory' | 'other';
  /** Bytes. */
  size: number;
}

type Answer<T> = (error: Error | undefined | null, value: T) => void;

/** One request carries so much: what every server takes (section 3 of the draft), and small enough that a slow line does not starve others. */
const PIECE = 32 * 1024;
/** Requests that are under way for one object: 2 MiB, the window of OpenSSH, so that a round trip is paid once and not for each piece. */
const AHEAD = 64;
const FILE_TYPE = 0o170000;
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;

/**
 * A session. All its requests fail with `unreachable` once the connection is gone, or the server was silent for too long;
 * ssh2 itself forgets some of them then (mscdex/ssh2#1175).
 */
export class SftpSession {
  readonly #client: Client;
  readonly #sftp: SFTPWrapper;
  readonly #where: string;
  readonly #waiting = new Set<(error: MailrecoverError) => void>();
  readonly #watch: NodeJS.Timeout;
  #lastAnswer = monotonic();
  #gone: MailrecoverError | undefined;

  constructor(client: Client, sftp: SFTPWrapper, where: string, timeoutMs: number) {
    this.#client = client;
    this.#sftp = sftp;
    this.#where = where;
    const gone = (error?: Error): void => this.#lose(unreachableServer(error, where));
    client.on('error', gone);
    client.on('close', () => gone());
    sftp.on('error', gone);
    sftp.on('close', () => gone());
    this.#watch = setInterval(() => {
      if (this.#waiting.size > 0 && monotonic() - this.#lastAnswer > timeoutMs) gone(new Error('timed out'));
    }, timeoutMs / 4);
    this.#watch.unref();
  }

  get alive(): boolean {
    return this.#gone === undefined;
  }

  #lose(error: MailrecoverError): void {
    if (this.#gone !== undefined) return;
    this.#gone = error;
    clearInterval(this.#watch);
    this.#client.destroy();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** Whether the server offers an extension. */
  offers(extension: string): boolean {
    const { _extensions: offered } = this.#sftp as unknown as { _extensions?: Record<string, string> };
    return offered?.[extension] !== undefined;
  }

  #ask<T>(send: (sftp: SFTPWrapper, answer: Answer<T>) => void): Promise<T> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#lastAnswer = monotonic();
      this.#waiting.add(reject);
      const answer: Answer<T> = (error, value) => {
        this.#waiting.delete(reject);
        this.#lastAnswer = monotonic();
        if (error === undefined || error === null) return resolve(value);
        const status = (error as Error & { code?: unknown }).code;
        reject(
          typeof status === 'number' ? new SftpStatusError(status, error.message) : (this.#gone ?? unreachableServer(error, this.#where)),
        );
      };
      try {
        send(this.#sftp, answer);
      } catch (error) {
        // An extension that the server lacks.
        answer(Object.assign(new Error(String(error)), { code: SFTP_STATUS.unsupported }), undefined as T);
      }
    });
  }

  /** @param mode of a file that is made; `wx` makes one and fails where there is one */
  open(path: string, flags: 'r' | 'wx', mode = 0o600): Promise<SftpHandle> {
    return this.#ask((sftp, answer: Answer<Buffer>) => sftp.open(path, flags, mode, answer));
  }

  close(handle: SftpHandle): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.close(handle, (error) => answer(error)));
  }

  /** Bytes of an open file. */
  async sizeOf(handle: SftpHandle): Promise<number> {
    return (await this.#ask((sftp, answer: Answer<Attributes>) => sftp.fstat(handle, answer))).size;
  }

  async entryAt(path: string): Promise<SftpEntry> {
    return entryOf(path, await this.#ask((sftp, answer: Answer<Attributes>) => sftp.stat(path, answer)));
  }

  async list(path: string): Promise<SftpEntry[]> {
    const found = await this.#ask((sftp, answer: Answer<FileEntryWithStats[]>) => sftp.readdir(path, answer));
    return found.map(({ filename, attrs }) => entryOf(filename, attrs));
  }

  makeDirectory(path: string, mode: number): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.mkdir(path, { mode }, (error) => answer(error)));
  }

  remove(path: string): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.unlink(path, (error) => answer(error)));
  }

  /** Makes what was written survive a power cut (fsync@openssh.com). */
  sync(handle: SftpHandle): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.ext_openssh_fsync(handle, (error) => answer(error)));
  }

  /** Gives a file another name; one that is there is replaced (posix-rename@openssh.com). */
  replace(from: string, to: string): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.ext_openssh_rename(from, to, (error) => answer(error)));
  }

  /** Gives a file another name; fails where there is one (section 6.5 of the draft). */
  rename(from: string, to: string): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.rename(from, to, (error) => answer(error)));
  }

  /** Gives a file a second name; fails where there is one (hardlink@openssh.com). */
  link(from: string, to: string): Promise<void> {
    return this.#ask((sftp, answer: Answer<void>) => sftp.ext_openssh_hardlink(from, to, (error) => answer(error)));
  }

  /** Bytes and files that may still be written in the file system of a path (statvfs@openssh.com). */
  async room(path: string): Promise<{ bytes: number; files: number }> {
    const found = await this.#ask((sftp, answer: Answer<Record<string, number>>) =>
      sftp.ext_openssh_statvfs(path, answer as unknown as Parameters<SFTPWrapper['ext_openssh_statvfs']>[1]),
    );
    return { bytes: (found['f_bavail'] ?? 0) * (found['f_frsize'] ?? 0), files: found['f_favail'] ?? 0 };
  }

  /** Reads the bytes from `start` up to, not including, `end`, with many requests under way; fewer where the file ends before. */
  async read(handle: SftpHandle, start: number, end: number, limit: RateLimit): Promise<Buffer> {
    // Memory of its own, never of a shared pool: threads hand it over whole.
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, end - start));
    let filled = buffer.length;
    await inPieces(buffer.length, async (from, to) => {
      for (let at = from; at < to;) {
        await limit.take(to - at);
        const count = await this.#ask((sftp, answer: Answer<number>) =>
          sftp.read(handle, buffer, at, to - at, start + at, (error, bytesRead) => answer(error, bytesRead)),
        );
        if (!(count > 0)) {
          filled = Math.min(filled, at);
          return;
        }
        at += count;
      }
    });
    return buffer.subarray(0, filled);
  }

  /** Writes to an open file, with many requests under way. */
  async write(handle: SftpHandle, data: Uint8Array, limit: RateLimit): Promise<void> {
    const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    await inPieces(buffer.length, async (from, to) => {
      await limit.take(to - from);
      await this.#ask((sftp, answer: Answer<void>) => sftp.write(handle, buffer, from, to - from, from, (error) => answer(error)));
    });
  }

  end(): void {
    this.#lose(unreachableServer(undefined, this.#where));
  }
}

function entryOf(name: string, { mode, size }: Attributes): SftpEntry {
  const type = mode & FILE_TYPE;
  return { name, kind: type === DIRECTORY ? 'directory' : type === REGULAR ? 'file' : 'other', size };
}

/** Does `work` for each piece of `length` bytes, so many at once; the first failure ends it. */
async function inPieces(length: number, work: (from: number, to: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const go = async (): Promise<void> => {
    while (next < length && !failed) {
      const from = next;
      next = Math.min(length, from + PIECE);
      try {
        await work(from, next);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AHEAD, Math.ceil(length / PIECE)) }, go));
}

/** Connects and opens a session. @throws as {@link connectSsh}, and `unreachable` where the server offers no SFTP */
export async function openSftp(options: SshOptions): Promise<SftpSession> {
  const client = await connectSsh(options);
  const where = `${options.user === undefined ? '' : `${options.user}@`}${options.host}${options.port === undefined ? '' : `:${options.port}`}`;
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    const fail = (error?: Error): void => {
      clearTimeout(timer);
      client.destroy();
      reject(unreachableServer(error, where));
    };
    const timer = setTimeout(() => fail(new Error('timed out')), options.timeoutMs);
    const closed = (): void => fail();
    client.on('error', fail);
    client.on('close', closed);
    client.sftp((error, opened) => {
      if (error !== undefined) return fail(error);
      clearTimeout(timer);
      client.off('error', fail);
      client.off('close', closed);
      resolve(opened);
    });
  });
  return new SftpSession(client, sftp, where, options.timeoutMs);
}
