import { fstatSync, writeSync } from 'node:fs';
import { ioError, systemCode } from '../errors/error.ts';

/** Standard output and standard error; the only place that writes to them. */
export interface Output {
  /**
   * Resolves when the bytes were taken; false when nobody reads any more (`| head`), which is no error.
   * @throws MailrecoverError `io` or `no-space` where output goes to a file that can't be written
   */
  out(data: string | Uint8Array): Promise<boolean>;
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
}

/**
 * The process's own output, written through the file descriptors: Node's streams take several
 * milliseconds to load, and are needed only where the other end does not block.
 */
export function processOutput(): Output {
  let closed = false;
  return {
    outIsTerminal: isTerminal(1),
    errIsTerminal: isTerminal(2),
    async out(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length && !closed;) {
        try {
          at += writeSync(1, bytes, at);
        } catch (error) {
          if (systemCode(error) === 'EPIPE') closed = true;
          else if (systemCode(error) === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, 2));
          else throw ioError(error, 'write', 'standard output');
        }
      }
      return !closed;
    },
    err(text) {
      try {
        writeSync(2, text);
      } catch (error) {
        // A terminal that does not block takes the rest through the stream; for anything else there is no one left to tell.
        if (systemCode(error) === 'EAGAIN') process.stderr.write(text);
      }
    },
  };
}

/** Whether a descriptor is a terminal. */
export function isTerminal(fd: number): boolean {
  try {
    // Only character devices can be terminals; asking about the others would load the network modules.
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd);
  } catch {
    return false;
  }
}
