/**
 * Storing the content of new messages between two snapshots: packs go into the repository at once and are journalled; the next snapshot names them. A run
 * that is killed leaves what any killed backup leaves.
 */
import { lstatSync, statSync } from 'node:fs';
import { parseRecipient } from '../../repository/age/keys.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { toBytes } from '../../store/bytes.ts';
import { takeLock } from '../../system/lock.ts';
import type { BackupOptions } from '../options.ts';
import { saveTables } from '../commit.ts';
import { ContentPool } from '../content/pool.ts';
import { loadKeys, type Keys } from '../prepare.ts';
import { emptyIndex, StateDirectory, type StateIndex } from '../state/state.ts';
import { packStore } from '../store-packs.ts';

/** A message file that is new, as an event tells. */
export interface NewMessage {
  mailbox: string;
  path: string;
}

export interface Staged {
  messages: number;
  /** Bytes that were put on the target. */
  stored: number;
}

export class Stage {
  readonly #options: BackupOptions;
  #repository: Repository | undefined;
  #keys: Keys | undefined;
  /** What is known to be stored: that of the newest snapshot, and what was staged since. */
  #index: StateIndex | undefined;
  #indexOf = '';

  constructor(options: BackupOptions) {
    this.#options = options;
  }

  /**
   * Stores these messages, as far as they are still there and were born since.
   * @param since milliseconds since 1970: older files were renamed only, and lie in a snapshot
   * @throws MailrecoverError as a backup does; what was not stored comes with the next snapshot
   */
  async store(files: readonly NewMessage[], since: number): Promise<Staged> {
    const fresh = files.filter(({ path }) => isBorn(path, since));
    if (fresh.length === 0) return { messages: 0, stored: 0 };
    const { target, stateRoot, recipients, readBack } = this.#options;
    const repository = (this.#repository ??= await openRepository(target));
    const state = new StateDirectory(`${stateRoot}/${repository.id}`);
    const release = takeLock(state.file('lock'), 'mailrecover watch');
    try {
      const parsed = recipients?.map((text) => parseRecipient(text));
      const keys = (this.#keys ??= await loadKeys(repository, { ...this.#options, recipients: parsed }, []));
      const index = this.#load(state, repository.id);
      const packs = packStore({ target: repository.target, state, index, hostKey: keys.host, secret: keys.secret });
      const pool = new ContentPool({
        threads: 0,
        eager: false,
        secret: keys.secret,
        recipients: parsed,
        readBack,
        knownTables: index.tables.map((name) => state.file('tables', name)),
        lost: new Set(),
        storing: target.parallel ?? 1,
        onPack: (pack) => packs.store(pack),
        onRead: () => undefined,
      });
      try {
        const outcomes = await pool.read(
          '',
          fresh.map(({ path }) => ({ path: toBytes(path), kind: 'message' as const })),
        );
        await pool.flush();
        await saveTables(state, index, packs.records());
        return { messages: outcomes.filter((outcome) => 'parts' in outcome).length, stored: packs.stored };
      } finally {
        await pool.close();
      }
    } finally {
      release();
    }
  }

  /** The index as the newest snapshot left it, until there is a newer one; of a large host it is not read for every message. */
  #load(state: StateDirectory, repository: string): StateIndex {
    const stat = statSync(state.file('index.json'), { throwIfNoEntry: false });
    const version = stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    if (this.#index === undefined || version !== this.#indexOf) {
      const loaded = state.load(repository);
      // Only packs and tables matter; what is known of mailboxes would stay in memory for nothing.
      this.#index = { ...emptyIndex(repository), packs: loaded?.packs ?? [], tables: loaded?.tables ?? [] };
      this.#indexOf = version;
    }
    return this.#index;
  }
}

function isBorn(path: string, since: number): boolean {
  try {
    const stat = lstatSync(path);
    // File systems that keep no birth time tell of the last change.
    const born = stat.birthtimeMs > 0 ? stat.birthtimeMs : stat.ctimeMs;
    return stat.isFile() && Math.max(born, 0) >= since;
  } catch {
    return false;
  }
}
