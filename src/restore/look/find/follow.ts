/** Follows a chain of snapshots: what changed from one to the next, from the catalogs in which they differ. */
import { PackNumbering } from '../../../repository/catalog/decode.ts';
import { isFullMessage, sectionKey, type Dir, type MessageState, type Section } from '../../../repository/catalog/model.ts';
import { mergeDeltas } from '../../../repository/catalog/overlay.ts';
import { openCatalog, readState } from '../../../repository/catalog/reader.ts';
import type { Identity } from '../../../repository/age/keys.ts';
import type { Target } from '../../../repository/target.ts';
import { showsMessages } from '../folders.ts';
import type { History, SeenMessage } from './history.ts';

/** A delta as it was read, with the packs that its numbers mean. */
interface Delta {
  sections: Map<string, Section>;
  packs: readonly string[];
}

export interface Follower {
  target: Target;
  identities: readonly Identity[] | undefined;
  history: History;
  /** Gives bytes their number, and remembers which pack holds new ones. */
  see: (sha: string, pack: string) => number;
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/** Deltas that were read last: the next snapshot often tells what it took in of them. */
export class ChainFollower {
  readonly #with: Follower;
  readonly #chain: number;
  #kept = new Map<string, Delta>();

  constructor(follower: Follower, chain: number) {
    this.#with = follower;
    this.#chain = chain;
  }

  /**
   * Goes on from the state that `before` makes up to that of `after`.
   * @param place of the snapshot in its chain
   * @throws MailrecoverError `damage`, `key`
   */
  async step(before: readonly string[], after: readonly string[], place: number): Promise<void> {
    let common = 0;
    while (common < before.length && common < after.length && before[common] === after[common]) common++;
    if (common === 0) {
      await this.#whole(after, place);
      return;
    }
    const left = before.slice(common);
    const came = after.slice(common);
    if (came.length === 0 && left.length === 0) return;
    const kept = new Map<string, Delta>();
    const change = await this.#read(came);
    const [only] = came;
    if (came.length === 1 && only !== undefined) kept.set(only, change);
    for (const name of left) {
      const old = this.#kept.get(name) ?? (await this.#read([name]));
      // A delta that was merged into the new one says nothing that the new one does not; any other was taken back.
      if (!covers(change.sections, old.sections)) {
        await this.#whole(after, place);
        return;
      }
    }
    for (const name of before.slice(0, common)) {
      const held = this.#kept.get(name);
      if (held !== undefined) kept.set(name, held);
    }
    this.#kept = kept;
    this.#apply(change, place);
  }

  async #read(names: readonly string[]): Promise<Delta> {
    const { target, identities } = this.#with;
    const numbering = new PackNumbering();
    const sections = new Map<string, Section>();
    for (const name of names) {
      const catalog = await openCatalog(target, name, identities, numbering);
      for await (const section of catalog.sections()) {
        if (showsMessages(section)) sections.set(sectionKey(section), mergeDeltas(sections.get(sectionKey(section)), section));
      }
    }
    // Where there is a view, what its files look like says nothing of messages.
    for (const view of sections.values()) if (view.area === 'view') sections.delete(sectionKey({ ...view, area: 'mail' }));
    return { sections, packs: numbering.names };
  }

  async #whole(catalogs: readonly string[], place: number): Promise<void> {
    const { target, identities, history } = this.#with;
    this.#kept.clear();
    const left = new Set(history.groupsOf(this.#chain));
    const { sections, numbering } = await readState(target, catalogs, identities);
    for await (const section of sections) {
      if (!showsMessages(section)) continue;
      for (const [dir, state] of section.dirs) {
        if (state.messages.size === 0) continue;
        left.delete(this.#folder(section, dir, state, numbering.names, place));
      }
    }
    for (const group of left) history.keepOnly(group, NOTHING, place);
  }

  /** All messages of a folder. */
  #folder(section: Section, dir: string, state: Dir, packs: readonly string[], place: number): number {
    const { history } = this.#with;
    const group = history.groupOf({ chain: this.#chain, store: section.store, mailbox: section.mailbox, dir });
    history.keepOnly(group, state.messages, place);
    for (const [base, message] of state.messages) {
      if (message === null) history.remove(group, base, place);
      else if (isFullMessage(message)) history.set(group, base, this.#seen(message, packs), place);
    }
    return group;
  }

  #seen(message: MessageState, packs: readonly string[]): SeenMessage {
    const received = Math.min(0x7fffffff, Math.max(-0x80000000, Math.floor(message.mtime / 1e6)));
    return { record: this.#with.see(message.sha, packs[message.pack] ?? ''), received };
  }

  #apply({ sections, packs }: Delta, place: number): void {
    const { history } = this.#with;
    for (const section of sections.values()) {
      const groups = history.groupsOf(this.#chain, section);
      if (section.gone === true || section.reset === true) {
        for (const group of groups) {
          const dir = section.gone === true ? undefined : section.dirs.get(history.groups[group]?.dir ?? '');
          if (dir === undefined || dir.gone === true) history.keepOnly(group, NOTHING, place);
        }
      }
      if (section.gone === true) continue;
      for (const [dir, state] of section.dirs) this.#applyDir(section, dir, state, packs, place);
    }
  }

  #applyDir(section: Section, dir: string, state: Dir, packs: readonly string[], place: number): void {
    const { history } = this.#with;
    const where = { chain: this.#chain, store: section.store, mailbox: section.mailbox, dir };
    if (state.gone === true) {
      if (history.groupsOf(this.#chain, section).some((group) => history.groups[group]?.dir === dir))
        history.keepOnly(history.groupOf(where), NOTHING, place);
    } else if (state.reset === true || section.reset === true) this.#folder(section, dir, state, packs, place);
    else if (state.messages.size > 0) {
      const group = history.groupOf(where);
      for (const [base, message] of state.messages) {
        if (message === null) history.remove(group, base, place);
        else if (isFullMessage(message)) history.set(group, base, this.#seen(message, packs), place);
      }
    }
  }
}

/** Whether the later changes say something of all that the earlier ones touched. */
function covers(later: ReadonlyMap<string, Section>, earlier: ReadonlyMap<string, Section>): boolean {
  for (const [key, old] of earlier) {
    const section = later.get(key);
    if (section === undefined) return false;
    if (section.gone === true || section.reset === true) continue;
    if (old.gone === true || old.reset === true) return false;
    for (const [path, oldDir] of old.dirs) if (!coversDir(section.dirs.get(path), oldDir)) return false;
  }
  return true;
}

function coversDir(dir: Dir | undefined, old: Dir): boolean {
  if (dir?.gone === true || dir?.reset === true) return true;
  if (old.gone === true || old.reset === true) return false;
  if (old.messages.size === 0) return true;
  if (dir === undefined) return false;
  for (const [base, message] of old.messages) {
    // Other flags or another pack move no message.
    if (message !== null && !isFullMessage(message)) continue;
    if (!dir.messages.has(base)) return false;
    // Where the earlier one brought or removed it, a patch alone says nothing of that.
    const now = dir.messages.get(base);
    if (now !== null && now !== undefined && !isFullMessage(now)) return false;
  }
  return true;
}
