/** The highest UIDs that snapshots have seen: a server that was turned back without us may be about to give them again. */
import type { Finding } from '../../errors/finding.ts';
import type { Identity } from '../../repository/age/keys.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { FullSection } from '../../repository/catalog/model.ts';
import { readState } from '../../repository/catalog/reader.ts';
import type { Repository, StoredSnapshot } from '../../repository/repository.ts';
import type { ByteString } from '../../store/bytes.ts';
import { controlDir, type FolderLayout } from '../../store/maildir/layout.ts';
import { parseUidlist } from '../../store/maildir/uidlist.ts';
import { partsOfBase } from '../../store/view.ts';
import { isLoss, readEntry } from '../look/source.ts';

/**
 * What is said of a folder of which snapshots have seen higher UIDs than the server knows of. Raised numbers keep what comes from now on apart
 * from what clients have seen; but that messages are gone, or are there again, under UIDs that they know, no server tells them.
 */
export function turnedBack(user: string, folder: string): Finding {
  return {
    severity: 'warning',
    code: 'turned-back',
    message: `folder '${folder}' of '${user}' had seen higher UIDs before: somebody put older files back; clients that had synchronised may go on showing what was there`,
    hint: `have them fetch this folder anew, after the restore: doveadm mailbox update -u '${user}' --uid-validity $(date +%s) '${folder}'`,
    subject: user,
  };
}

interface SeenState {
  snapshot: StoredSnapshot;
  numbering: PackNumbering;
  sections: FullSection[];
}

/** The mailbox in several snapshots; each is read once, when it is first asked for. */
export class SeenUids {
  readonly #options: { repository: Repository; identities: readonly Identity[] | undefined; layoutOf: (store: string) => FolderLayout };
  readonly #snapshots: readonly StoredSnapshot[];
  #mailbox: { key: string; states: Promise<SeenState[]> } | undefined;

  constructor(
    options: { repository: Repository; identities: readonly Identity[] | undefined; layoutOf: (store: string) => FolderLayout },
    snapshots: readonly StoredSnapshot[],
  ) {
    [this.#options, this.#snapshots] = [options, snapshots];
  }

  async #states(store: string, mailbox: ByteString): Promise<SeenState[]> {
    const key = `${store}\0${mailbox}`;
    if (this.#mailbox?.key !== key) this.#mailbox = { key, states: this.#read(store, mailbox) };
    return this.#mailbox.states;
  }

  async #read(store: string, mailbox: ByteString): Promise<SeenState[]> {
    const { repository, identities } = this.#options;
    const states: SeenState[] = [];
    for (const snapshot of this.#snapshots) {
      const names = snapshot.catalogs.map(({ name }) => name);
      try {
        const { numbering, sections } = await readState(repository.target, names, identities, [{ store, mailbox }]);
        const held: FullSection[] = [];
        for await (const section of sections) if (section.area !== 'home') held.push(section);
        states.push({ snapshot, numbering, sections: held });
      } catch (error) {
        if (!isLoss(error)) throw error;
      }
    }
    return states;
  }

  /**
   * A UID that is above all that messages of a folder of an mbox, sdbox or mdbox had; 0 where none is known. Snapshots do not keep the
   * UIDVALIDITY of these, so this may be more than need be.
   */
  async above(store: string, mailbox: ByteString, dir: ByteString): Promise<number> {
    let highest = 0;
    for (const { sections } of await this.#states(store, mailbox))
      for (const { area, dirs } of sections)
        if (area === 'view') for (const base of dirs.get(dir)?.messages.keys() ?? []) highest = Math.max(highest, partsOfBase(base).uid);
    return highest === 0 ? 0 : highest + 1;
  }

  /** The highest UIDNEXT that a folder had under this UIDVALIDITY; 0 where none is known. */
  async highest(store: string, mailbox: ByteString, dir: ByteString, uidValidity: number): Promise<number> {
    const { layout } = this.#options.layoutOf(store);
    let highest = 0;
    const read = new Set<string>();
    for (const { snapshot, numbering, sections } of await this.#states(store, mailbox)) {
      for (const { area, dirs } of sections) {
        const file = dirs.get(area === 'control' ? controlDir(dir, layout) : dir)?.files.get('dovecot-uidlist');
        const key = file?.parts.map(({ sha }) => sha).join() ?? '';
        if (file === undefined || read.has(key)) continue;
        read.add(key);
        try {
          const parts = [];
          for (const part of file.parts) parts.push(await readEntry({ ...this.#options, snapshot }, numbering, part));
          const list = parseUidlist(Buffer.concat(parts));
          if (list?.uidValidity === uidValidity) highest = Math.max(highest, list.nextUid);
        } catch (error) {
          if (!isLoss(error)) throw error;
        }
      }
    }
    return highest;
  }
}
