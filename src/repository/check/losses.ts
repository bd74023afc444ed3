/** Which messages and files can't be had any more: what damage costs. */
import type { Identity } from '../age/keys.ts';
import { PackNumbering } from '../catalog/decode.ts';
import { isFullMessage, type Dir, type Section } from '../catalog/model.ts';
import { fromBinary } from '../catalog/percent.ts';
import { openCatalog, readState } from '../catalog/reader.ts';
import { objectPath, parseSnapshotPath } from '../names.ts';
import { readSnapshot } from '../repository.ts';
import { decodingProblem, type ContentOptions, type Readable } from './content.ts';
import { newestHeads, type CheckedSnapshots, type SnapshotHead } from './snapshots.ts';

/** One message or file whose bytes are lost, in one snapshot or another. */
export interface Loss {
  /** Path of the object that is to blame. */
  object: string;
  store: string;
  mailbox: string;
  folder: string;
  /** The id that `find` shows, and `cat` and `restore --message` take; absent for files that are no messages. */
  message?: string;
  /** Base name of the message, or path of the file in its mailbox. */
  name: string;
  /** Whether the newest snapshot of its host holds it. */
  inNewest: boolean;
}

/** No more losses than this are listed one by one. */
const MAX_LOSSES = 100_000;

export interface LossOptions extends ContentOptions {
  checked: CheckedSnapshots;
  readable: Readable;
  /** Whether `readable` says all of every pack; else it speaks of damaged packs only. */
  deep: boolean;
  /** The name by which users know the folder in a directory (a binary string) of a store. */
  nameFolder: (store: string, dir: string) => string;
}

interface Entry {
  dir: string;
  name: string;
  sha: string;
  pack: number;
  isMessage: boolean;
}

function* entriesOf(dirs: ReadonlyMap<string, Dir>): Generator<Entry> {
  for (const [path, dir] of dirs) {
    for (const [base, message] of dir.messages)
      if (message !== null && isFullMessage(message))
        yield { dir: path, name: base, sha: message.sha, pack: message.pack, isMessage: true };
    for (const [name, file] of dir.files)
      for (const { sha, pack } of file?.parts ?? [])
        yield { dir: path, name: path === '' ? name : `${path}/${name}`, sha, pack, isMessage: false };
  }
}

/** Finds what is lost, first in the newest snapshot of each host, then in all catalogs. What does not decode is noted as damaged. */
export class LossFinder {
  readonly #options: LossOptions;
  readonly #packs: readonly string[];
  readonly #seen = new Set<string>();
  readonly losses: Loss[] = [];
  /** More than are listed. */
  truncated = 0;

  constructor(options: LossOptions) {
    this.#options = options;
    this.#packs = [...options.readable.keys()];
  }

  async find(): Promise<void> {
    const { checked, ledger, signal } = this.#options;
    for (const index of newestHeads(checked.heads)) {
      const head = checked.heads[index];
      if (head !== undefined && !ledger.has(head.path)) await this.#newest(head);
    }
    for (const [path, need] of checked.needs) {
      signal?.throwIfAborted();
      if (need.kind === 'catalog' && !ledger.has(path)) await this.#catalog(path, need.name);
    }
  }

  /** @param others file names of packs in which an entry may lie as well */
  #isLost(sha: string, pack: string, others: readonly string[]): boolean {
    const { readable, deep, ledger, listing } = this.#options;
    if (readable.get(pack)?.has(sha) === true) return false;
    if (!deep) {
      const path = objectPath('pack', pack);
      return ledger.has(path) || !listing.sizes.has(path);
    }
    for (const other of others) if (readable.get(other)?.has(sha) === true) return false;
    return true;
  }

  /** Goes through a section. @returns its number of messages */
  #section(
    section: Section,
    numbering: PackNumbering,
    others: readonly string[],
    blame: string,
    inNewest: boolean,
    isNeeded: (pack: string) => boolean = () => true,
  ): number {
    const { ledger, nameFolder } = this.#options;
    let messages = 0;
    for (const { dir, name, sha, pack, isMessage } of entriesOf(section.dirs)) {
      if (isMessage) messages++;
      const packName = numbering.names[pack] ?? '';
      if (!isNeeded(packName) || !this.#isLost(sha, packName, others)) continue;
      const key = [section.store, section.mailbox, section.area, dir, name, sha].join('\0');
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      const packPath = objectPath('pack', packName);
      let object = packPath;
      if (!ledger.has(packPath)) {
        ledger.damaged(blame, 'names entries that no pack holds');
        object = blame;
      }
      if (this.losses.length >= MAX_LOSSES) {
        this.truncated++;
        continue;
      }
      const place = {
        object,
        store: fromBinary(section.store),
        mailbox: fromBinary(section.mailbox),
        folder: nameFolder(section.store, dir),
      };
      this.losses.push({ ...place, ...(isMessage ? { message: sha.slice(0, 16) } : {}), name: fromBinary(name), inNewest });
    }
    return messages;
  }

  async #newest(head: SnapshotHead): Promise<void> {
    const { target, ledger, identities, signal } = this.#options;
    const ref = parseSnapshotPath(head.path);
    if (ref === undefined) return;
    try {
      const snapshot = await readSnapshot(target, ref);
      const names = snapshot.catalogs.map(({ name }) => name);
      if (names.some((name) => ledger.has(objectPath('catalog', name)))) return;
      const packs = snapshot.packs.map(({ name }) => name);
      const state = await readState(target, names, identities);
      let messages = 0;
      for await (const section of state.sections) messages += this.#section(section, state.numbering, packs, head.path, true);
      if (messages !== head.counts.messages)
        ledger.damaged(head.path, `states ${head.counts.messages} messages, and its catalogs list ${messages}`);
    } catch (error) {
      // Which catalog it is, the pass over all of them tells.
      const { what, code } = decodingProblem(error, signal);
      ledger.damaged(head.path, `names catalogs that make up no state: it ${what}`, { code });
    }
  }

  async #catalog(path: string, name: string): Promise<void> {
    const { target, ledger, identities, signal, checked } = this.#options;
    const numbering = new PackNumbering();
    try {
      const catalog = await openCatalog(target, name, identities, numbering);
      // What no snapshot has a pack for was taken back by a later catalog: the snapshot that had it was forgotten.
      const isNeeded = (pack: string): boolean => checked.lastCatalogs.has(path) || checked.needs.has(objectPath('pack', pack));
      for await (const section of catalog.sections()) this.#section(section, numbering, this.#packs, path, false, isNeeded);
    } catch (error) {
      const { what, code } = decodingProblem(error, signal);
      ledger.damaged(path, what, { code });
    }
  }
}

/** Whether the identities open any of the catalogs: false where they are the wrong ones altogether. */
export async function fitsAny({
  target,
  checked,
  ledger,
  identities,
  listing,
}: Pick<LossOptions, 'target' | 'checked' | 'ledger' | 'listing'> & { identities: readonly Identity[] }): Promise<boolean> {
  let tried = false;
  for (const [path, { kind, name }] of checked.needs) {
    if (kind !== 'catalog' || ledger.has(path) || !listing.sizes.has(path)) continue;
    tried = true;
    try {
      await openCatalog(target, name, identities, new PackNumbering());
      return true;
    } catch (error) {
      if (decodingProblem(error).code !== 'key') return true;
    }
  }
  return !tried;
}
