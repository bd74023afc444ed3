/**
 * The copy of a switch's journal in the repository, from which another host can go on. It is written in numbered pieces, each put only where none of its
 * number is: of two operators that go on with the same switch, the one that comes second with a piece finds out before anything is done.
 */
import { MailrecoverError } from '../errors/error.ts';
import { journalPath, parseJournalPath } from '../repository/epochs.ts';
import type { Target } from '../repository/target.ts';
import { readState, type JournalLine, type SwitchHead, type SwitchState } from './journal.ts';

type Which = Pick<SwitchHead, 'epoch' | 'run'>;

interface Copy {
  pieces: number;
  /** Lines as they were written. */
  lines: string[];
}

async function read(target: Target, { epoch, run }: Which): Promise<Copy> {
  let pieces = 0;
  for await (const { path } of target.list('epochs')) {
    const found = parseJournalPath(path);
    if (found?.epoch === epoch && found.run === run) pieces = Math.max(pieces, found.piece);
  }
  const lines: string[] = [];
  for (let piece = 1; piece <= pieces; piece++) lines.push(...linesOf(await target.get(journalPath(epoch, run, piece))));
  return { pieces, lines };
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/**
 * What the repository knows of a switch.
 * @returns undefined where nothing of its journal is there
 * @throws MailrecoverError `damage` where it is no journal
 */
export async function readShared(target: Target, which: Which): Promise<SwitchState | undefined> {
  const { pieces, lines } = await read(target, which);
  if (pieces === 0) return undefined;
  const state = readState(lines, '');
  if (state?.head.run === which.run && state.head.epoch === which.epoch) return state;
  throw new MailrecoverError('damage', `the journal of switch ${which.run} in the repository can not be read`, {
    subject: journalPath(which.epoch, which.run, 1),
    hint: 'somebody changed it; go on with the switch on the host where it was begun',
  });
}

/** Whether somebody else wrote what this host knows nothing of. */
export async function wentOnElsewhere(target: Target, state: SwitchState): Promise<boolean> {
  return !isPrefix((await read(target, state.head)).lines, state.lines);
}

function isPrefix(shared: readonly string[], own: readonly JournalLine[]): boolean {
  return shared.length <= own.length && shared.every((line, index) => line === JSON.stringify(own[index]));
}

export class SharedJournal {
  readonly #target: Target;
  readonly #state: SwitchState;
  #pieces: number;
  #lines: number;

  private constructor(target: Target, state: SwitchState, { pieces, lines }: Copy) {
    this.#target = target;
    this.#state = state;
    this.#pieces = pieces;
    this.#lines = lines.length;
  }

  /** @throws MailrecoverError `locked` where another host went on with the switch */
  static async of(target: Target, state: SwitchState): Promise<SharedJournal> {
    const copy = await read(target, state.head);
    if (!isPrefix(copy.lines, state.lines)) throw elsewhere(state.head);
    return new SharedJournal(target, state, copy);
  }

  /** Puts what is not there yet. @throws MailrecoverError `locked` where another host goes on with the switch; `unreachable` and others of the target */
  async share(): Promise<void> {
    const due = this.#state.lines.slice(this.#lines);
    if (due.length === 0) return;
    const { epoch, run } = this.#state.head;
    const path = journalPath(epoch, run, this.#pieces + 1);
    const bytes = Buffer.from(due.map((line) => `${JSON.stringify(line)}\n`).join(''));
    // An answer may be lost, and what we put ourselves be found.
    if (!(await this.#target.put(path, bytes, { exclusive: true })) && !(await this.#target.get(path)).equals(bytes))
      throw elsewhere(this.#state.head);
    this.#pieces++;
    this.#lines += due.length;
  }
}

function elsewhere({ run }: SwitchHead): MailrecoverError {
  return new MailrecoverError('locked', `another host goes on with switch ${run}`, {
    hint: "see how far it is: 'mailrecover standby status'",
    subject: run,
  });
}
