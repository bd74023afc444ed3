/** One operator at a time: a lock on the host that is to serve, held over the connection to it, so that it ends with whoever holds it. */
import { MailrecoverError } from '../../errors/error.ts';
import { sleep } from '../../system/clock.ts';
import type { Remote } from '../remote.ts';

const LOCK = '/run/mailrecover-switch.lock';
/** What `flock` ends with where another has it. */
const TAKEN = 75;
/** A run that was just killed is given the time to be gone. */
const WAIT_SECONDS = 10;
const RELEASE_MS = 3000;

export interface OperatorLock {
  /**
   * Asks whether it is still held; one that was lost with the connection is taken again.
   * @throws MailrecoverError `locked` where another operator has it now; `unreachable`
   */
  hold(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock.
 * @throws MailrecoverError `locked` where another operator has it; `unreachable`, `not-found`
 */
export async function takeOperatorLock(host: Remote): Promise<OperatorLock> {
  let held = await take(host);
  return {
    async hold() {
      if (held.isOver()) held = await take(host);
    },
    release: () => held.release(),
  };
}

async function take(host: Remote): Promise<{ isOver(): boolean; release(): Promise<void> }> {
  const running = await host.start(['flock', '-w', String(WAIT_SECONDS), '-E', String(TAKEN), LOCK, 'cat']);
  let isOver = false;
  const ended = running.ended.then((end) => {
    isOver = true;
    return end;
  });
  running.stdin.on('error', () => undefined);
  running.stdout.on('error', () => undefined);
  // It says what it is told once it has the lock.
  const answered = new Promise<true>((resolve) => running.stdout.once('data', () => resolve(true)));
  running.stdin.write('held\n');
  const answer = await Promise.race([answered, ended]);
  if (answer !== true) throw notTaken(host, answer.exitCode, answer.stderr);
  return {
    isOver: () => isOver,
    async release() {
      running.stdin.end();
      await Promise.race([ended, sleep(RELEASE_MS)]);
      running.kill();
    },
  };
}

function notTaken({ name }: Remote, exitCode: number | undefined, stderr: string): MailrecoverError {
  if (exitCode === TAKEN)
    return new MailrecoverError('locked', `somebody else switches mail at this moment, and holds '${LOCK}' on '${name}'`, {
      hint: `wait until it has ended; if whoever does it is gone for good, end its hold on '${name}': fuser -k ${LOCK}`,
      subject: name,
    });
  if (exitCode === 127) return new MailrecoverError('not-found', `'flock' is not installed on '${name}'`, { subject: name });
  return new MailrecoverError(
    exitCode === undefined ? 'unreachable' : 'failed',
    `'${LOCK}' on '${name}' could not be locked: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    {
      subject: name,
    },
  );
}
