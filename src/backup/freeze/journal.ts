/** What must be released still, kept on the disk before it is taken: also a run that was killed leaves nothing for ever. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import type { Step } from './presets.ts';

export interface Taken {
  name: string;
  release: readonly string[];
  shows?: Step['shows'];
  /** False from before the command is run until it has ended well. */
  done: boolean;
  timeout: number;
  env: Record<string, string>;
}

export class FreezeJournal {
  readonly path: string;
  #taken: Taken[];

  constructor(path: string) {
    this.path = path;
    this.#taken = readTaken(path);
  }

  /** What is not released, the newest first: in the order of releasing. */
  get open(): Taken[] {
    return this.#taken.toReversed();
  }

  /** Takes note of something that is taken next. */
  async begin(entry: Omit<Taken, 'done'>): Promise<Taken> {
    const taken = { ...entry, done: false };
    this.#taken.push(taken);
    await this.#save();
    return taken;
  }

  async done(entry: Taken): Promise<void> {
    entry.done = true;
    await this.#save();
  }

  async released(entry: Taken): Promise<void> {
    this.#taken = this.#taken.filter((each) => each !== entry);
    await this.#save();
  }

  async #save(): Promise<void> {
    await makeDirectory(dirname(this.path));
    await writeDurable(this.path, `${JSON.stringify(this.#taken)}\n`);
  }
}

function readTaken(path: string): Taken[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Taken[];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    if (systemCode(error) !== undefined) throw ioError(error, 'read', path);
    throw new MailrecoverError('failed', `'${path}' is damaged: it says which snapshots of file systems are to be released`, {
      hint: `look for snapshots and mounts whose names begin with 'mailrecover-', release them, and remove the file`,
      subject: path,
      cause: error,
    });
  }
}
