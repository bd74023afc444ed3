/**
 * Locks of fcntl(2) on other programs' files. Node.js has none, so a small helper holds them: perl, which every Debian has. Locks go with the helper, and that with us: its
 * standard input ends.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/**
 * Reads lines: `+<hex of a path>` locks for reading without waiting, `-<hex>` lets go. Answers `ok` or the number of an error, a line each.
 * The record of a lock is that of 64-bit Linux: type, whence, start, length, process.
 */
const HELPER = String.raw`
use strict; use Fcntl; $| = 1; my %open;
while (my $line = <STDIN>) {
  chomp $line; my $path = pack('H*', substr($line, 1));
  if ($line =~ /^-/) { delete $open{$path}; print "ok\n"; next; }
  if (sysopen(my $file, $path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) {
    my $lock = pack('s s x![q] q q i x![q]', F_RDLCK, 0, 0, 0, 0);
    if (fcntl($file, F_SETLK, $lock)) { $open{$path} = $file; print "ok\n"; } else { print $! + 0, "\n"; }
  } else { print $! + 0, "\n"; }
}`;

/** Error numbers that say that somebody else holds the lock (fcntl(2)). */
const HELD = new Set(['11', '13']);

export class FileLocks {
  #helper: { child: ChildProcessWithoutNullStreams; lines: Interface } | undefined;
  #answers: ((line: string | undefined) => void)[] = [];

  #start(): ChildProcessWithoutNullStreams {
    if (this.#helper === undefined) {
      const child = spawn('perl', ['-e', HELPER], { stdio: 'pipe', env: { PATH: '/usr/local/bin:/usr/bin:/bin' } });
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => this.#answers.shift()?.(line));
      const ended = (): void => {
        for (const answer of this.#answers.splice(0)) answer(undefined);
      };
      child.on('error', ended);
      child.on('close', ended);
      child.stdin.on('error', () => undefined);
      child.stderr.resume();
      this.#helper = { child, lines };
    }
    return this.#helper.child;
  }

  #ask(command: '+' | '-', path: string): Promise<string | undefined> {
    const child = this.#start();
    if (child.exitCode !== null || child.pid === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      child.stdin.write(`${command}${Buffer.from(path, 'latin1').toString('hex')}\n`);
    });
  }

  /**
   * Locks a file for reading, without waiting.
   * @param path byte string
   * @returns `held` where somebody writes it, `gone` where it is no file any more, `impossible` where no helper runs
   */
  async tryLock(path: string): Promise<'locked' | 'held' | 'gone' | 'impossible'> {
    const answer = await this.#ask('+', path);
    if (answer === 'ok') return 'locked';
    if (answer === undefined) return 'impossible';
    return HELD.has(answer) ? 'held' : answer === '2' ? 'gone' : 'impossible';
  }

  async unlock(path: string): Promise<void> {
    await this.#ask('-', path);
  }

  /** Lets go of all, and ends the helper. */
  close(): void {
    this.#helper?.lines.close();
    this.#helper?.child.stdin.end();
    this.#helper = undefined;
  }
}
