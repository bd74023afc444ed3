/** Planning a restore into a running server: what is missing, what is too much, what has other flags. Changes nothing. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Identity } from '../../repository/age/keys.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { FullSection } from '../../repository/catalog/model.ts';
import { readState } from '../../repository/catalog/reader.ts';
import type { Repository, StoredSnapshot } from '../../repository/repository.ts';
import { displayBytes, type ByteString } from '../../store/bytes.ts';
import { locate } from '../../store/links.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import { controlDir, type FolderLayout } from '../../store/maildir/layout.ts';
import { expandBytes, parsePattern } from '../../store/pattern.ts';
import { isoTime } from '../../system/clock.ts';
import { foldersOf, nameOfFolder, showsMessages } from '../look/folders.ts';
import { keywordsOf } from '../look/source.ts';
import { selectFrom, wantedMailboxes, type Selection } from '../select.ts';
import { notHeld, Unfitted } from '../unfitted.ts';
import { type Known, Strays, whatIsGone, withoutMoved, type Wanted } from './compare.ts';
import { isFolder, listMailbox, type LiveFolder, type LivePlace, LiveReader } from './look.ts';
import { emptyFolder, type FolderPlan, type LiveMode, type LivePlan, type MailboxPlan, mailboxesOf, type ServedMailbox } from './model.ts';
import { ServedPlanner, type ServedTask } from './served/plan.ts';
import type { DovecotAccess } from './doveadm.ts';
import { BaseNames } from './names.ts';
import { planReplacement } from './replacement.ts';
import { newTree, placeInTree } from './target.ts';
import { SeenUids, turnedBack } from './uids.ts';

/** A store as the configuration has it. */
export interface LiveStore {
  name: string;
  format: string;
  /** Pattern of the mailboxes' paths. */
  path: string;
  /** Pattern of the directories with control files, where they lie elsewhere. */
  control?: string | undefined;
}

/** A snapshot, and what of it is wanted. */
export interface LiveSource {
  snapshot: StoredSnapshot;
  selection: Selection;
}

export interface PlanOptions {
  repository: Repository;
  identities: readonly Identity[] | undefined;
  sources: readonly LiveSource[];
  stores: readonly LiveStore[];
  layoutOf: (store: string) => FolderLayout;
  mode: LiveMode;
  /** For `replace`: snapshots that may have seen higher UIDs than the server knows of. */
  others: readonly StoredSnapshot[];
  /** Whether messages that lie in another folder of their mailbox by now are put back, too. */
  moved: boolean;
  /** See {@link LivePlan.asked}. */
  asked: string;
  /** Milliseconds since 1970. */
  now: number;
  /** For mailboxes that are no Maildir: how Dovecot is reached, and what a run that is taken up had planned. */
  dovecot: DovecotAccess;
  before?: readonly ServedMailbox[] | undefined;
  signal?: AbortSignal;
}

/** One mailbox of one snapshot. */
interface MailboxState {
  mail: FullSection;
  control: FullSection | undefined;
  selected: FullSection;
}

/** A folder of the snapshot, compared with the live one. */
interface Compared {
  dir: ByteString;
  name: string;
  wanted: Wanted[];
  present: number;
  gone: Wanted[];
  moved: Map<ByteString, number>;
}

/** A mailbox in which messages are being moved is compared so often. */
const MAX_ATTEMPTS = 10;

/** What is known of a live mailbox while the plan is made. */
interface LiveMailbox {
  plan: MailboxPlan;
  place: LivePlace;
  folders: Map<ByteString, LiveFolder>;
  strays: Strays;
  tree: string | undefined;
}

/**
 * @returns the plan, and what there is to say of it
 * @throws MailrecoverError `not-found` where the snapshot or the server has nothing of the kind, `refused`
 */
export async function planLive(options: PlanOptions): Promise<{ plan: LivePlan; served: ServedTask[]; findings: Finding[] }> {
  const id = `${isoTime(options.now).slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}-${process.pid.toString(36)}`;
  const planner = new Planner(options, new BaseNames(options.now, id.replace(/\D/g, '').slice(-6)));
  try {
    for (const [number, source] of options.sources.entries()) await planner.addSource(source, number);
  } finally {
    planner.reader.close();
  }
  const mailboxes = planner.mailboxes.map((mailbox) => ({ ...mailbox, folders: inboxFirst(mailbox.folders) }));
  const plan: LivePlan = {
    version: 1,
    id,
    made: isoTime(options.now),
    mode: options.mode,
    asked: options.asked,
    repository: options.repository.id,
    snapshots: options.sources.map(({ snapshot }) => snapshot.id),
    mailboxes,
    ...(planner.served.tasks.length === 0 ? {} : { served: planner.served.tasks.map((task) => task.plan) }),
  };
  if (mailboxesOf(plan).length === 0 && planner.findings.some(({ severity }) => severity === 'error')) {
    const [first] = planner.findings;
    throw new MailrecoverError('not-found', first?.message ?? 'no mailbox of the snapshot is on this server', {
      ...(first?.hint === undefined ? {} : { hint: first.hint }),
      ...(first?.subject === undefined ? {} : { subject: first.subject }),
    });
  }
  return { plan, served: planner.served.tasks, findings: planner.findings };
}

/** Formats into which Dovecot itself puts what is brought back. */
function isServed(format: string | undefined): boolean {
  return format === 'mbox' || format === 'sdbox' || format === 'mdbox';
}

function inboxFirst(folders: readonly FolderPlan[]): FolderPlan[] {
  return folders.toSorted((a, b) => Number((b.from ?? b.name) === 'INBOX') - Number((a.from ?? a.name) === 'INBOX'));
}

class Planner {
  readonly findings: Finding[] = [];
  readonly reader = new LiveReader();
  readonly served: ServedPlanner;
  readonly #options: PlanOptions;
  readonly #names: BaseNames;
  readonly #live = new Map<string, LiveMailbox | undefined>();
  readonly #seen: SeenUids;

  constructor(options: PlanOptions, names: BaseNames) {
    [this.#options, this.#names] = [options, names];
    this.#seen = new SeenUids(options, options.others);
    this.served = new ServedPlanner(options, this.#seen, this.findings);
  }

  get mailboxes(): MailboxPlan[] {
    return [...this.#live.values()].flatMap((live) => (live === undefined ? [] : [live.plan]));
  }

  async addSource(source: LiveSource, number: number): Promise<void> {
    const { repository, identities, layoutOf, signal } = this.#options;
    const { snapshot, selection } = source;
    const names = snapshot.catalogs.map((catalog) => catalog.name);
    const { sections, numbering } = await readState(repository.target, names, identities, wantedMailboxes(selection));
    const unfitted = new Unfitted(selection, layoutOf);
    let control: FullSection | undefined;
    let found = false;
    // Areas of a mailbox come in the order control, home, mail.
    for await (const section of sections) {
      signal?.throwIfAborted();
      if (section.area === 'control') control = section;
      const served = isServed(this.#options.stores.find(({ name }) => name === section.store)?.format);
      if (served ? !showsMessages(section) : section.area !== 'mail') continue;
      const selected = selectFrom(section, selection, layoutOf);
      unfitted.see(section, selected);
      const own = control?.mailbox === section.mailbox && control.store === section.store ? control : undefined;
      if (selected === undefined) continue;
      found = true;
      if (served) {
        const whole = { mail: selected, whole: section, control: own };
        await this.served.add({ repository, snapshot, identities, layoutOf }, number, numbering, whole, selection.messages !== undefined);
        continue;
      }
      const live = this.#open(section.store, section.mailbox);
      if (live === undefined) continue;
      await this.#addMailbox(live, { mail: section, control: own, selected }, source, number, numbering);
      if (this.#options.sources.length > 1) continue;
      // Nothing asks for what lies in it any more; a server has many mailboxes.
      live.folders = new Map();
      live.strays = new Strays(this.reader, live.place, live.folders);
    }
    if (!found || unfitted.any) throw await notHeld({ repository, snapshot, identities, layoutOf }, selection, unfitted);
  }

  #open(store: string, mailbox: ByteString): LiveMailbox | undefined {
    const key = `${store}\0${mailbox}`;
    if (!this.#live.has(key)) this.#live.set(key, this.#find(store, mailbox));
    return this.#live.get(key);
  }

  #find(name: string, mailbox: ByteString): LiveMailbox | undefined {
    const shown = displayBytes(mailbox);
    const store = this.#options.stores.find((each) => each.name === name);
    const fail = (code: string, message: string, hint: string): undefined => {
      this.findings.push({ severity: 'error', code, message, hint, subject: shown });
    };
    if (store === undefined)
      return fail(
        'no-store',
        `store '${name}' of mailbox '${shown}' is not in the configuration`,
        "add it under 'stores', or restore into a directory: --to DIR",
      );
    if (store.format !== 'maildir')
      return fail(
        'format',
        `mailbox '${shown}' lies in ${store.format}, into which no live restore is known`,
        'add it over IMAP, to an account of the configuration: --imap ACCOUNT; or restore into a directory: --to DIR',
      );
    const located = locate(parsePattern(store.path), mailbox, this.findings);
    if (located === undefined)
      return fail('no-mailbox', `this server has no mailbox '${shown}'`, `make it first: doveadm mailbox create -u '${shown}' INBOX`);
    const { layout } = this.#options.layoutOf(name);
    const control = store.control === undefined ? undefined : expandBytes(parsePattern(store.control), mailbox);
    const place: LivePlace = { root: located.real, layout, ...(control === undefined ? {} : { control }) };
    const folders = listMailbox(place);
    const plan: MailboxPlan = { store: name, mailbox, ...place, folders: [] };
    return { plan, place, folders, strays: new Strays(this.reader, place, folders), tree: undefined };
  }

  async #addMailbox(live: LiveMailbox, state: MailboxState, source: LiveSource, number: number, numbering: PackNumbering): Promise<void> {
    const { mode, layoutOf } = this.#options;
    const layout = layoutOf(state.mail.store);
    const known = (dir: ByteString, base: ByteString): boolean => state.mail.dirs.get(dir)?.messages.has(base) === true;
    const folders = foldersOf(state.selected, layoutOf).map(({ dir, name, state: { messages } }) => {
      const wanted: Wanted[] = [...messages].map(([base, message]) => ({ base, state: message }));
      // Oldest first, as the server is to see them.
      wanted.sort((a, b) => a.state.mtime - b.state.mtime);
      return { dir, name, wanted, gone: wanted, present: 0, moved: new Map<ByteString, number>() };
    });
    const explicit = source.selection.messages !== undefined;
    if (mode === 'missing') this.#compare(live, folders, known, !this.#options.moved && !explicit);
    for (const { dir, name, wanted, gone: missing, present, moved } of folders) {
      const keywords = (): Promise<Keywords> => this.#keywords(state, source, numbering, dir, layout);
      if (mode === 'replace') {
        const folder = await planReplacement({
          place: live.place,
          live: live.folders.get(dir) ?? new Map(),
          dir,
          name,
          wanted,
          reader: this.reader,
          names: this.#names,
          keywords,
          numbering,
          source: number,
        });
        const list = this.reader.uidlist(live.place, dir);
        if (list !== undefined) {
          const { store, mailbox } = state.mail;
          const next = await this.#seen.highest(store, mailbox, dir, list.uidValidity);
          if (next > list.nextUid) {
            folder.minNextUid = next;
            this.findings.push(turnedBack(displayBytes(mailbox), name));
          }
        }
        live.plan.folders.push(folder);
        continue;
      }
      const target = mode === 'folder' ? this.#intoTree(live, name, source, layout) : { name, dir };
      const folder = this.#folder(live, target, mode === 'folder' ? name : undefined);
      folder.present += present;
      for (const [other, count] of moved) {
        const shown = nameOfFolder(other, layout);
        folder.moved[shown] = (folder.moved[shown] ?? 0) + count;
      }
      // A folder that was renamed, all of it, is not made again.
      const nothing = missing.length === 0 && (explicit || mode === 'folder' || moved.size > 0);
      if (!nothing) folder.create = !isFolder(live.place, target.dir);
      if (missing.length === 0) continue;
      const names = await keywords();
      for (const { base, state: message } of missing)
        folder.adds.push({
          base: this.#names.next(base),
          sha: message.sha,
          pack: numbering.names[message.pack] ?? '',
          size: message.size,
          mtime: message.mtime,
          flags: imapFlags(message.flags, names),
          source: number,
        });
    }
  }

  /** Finds out what is missing; again, where clients were moving messages meanwhile. */
  #compare(live: LiveMailbox, folders: Compared[], known: Known, elsewhere: boolean): void {
    for (let attempt = 1; ; attempt++) {
      for (const folder of folders) {
        const lives = {
          place: live.place,
          folder: live.folders.get(folder.dir) ?? new Map(),
          reader: this.reader,
          strays: live.strays,
          known,
        };
        Object.assign(folder, whatIsGone(folder.wanted, folder.dir, lives));
      }
      if (elsewhere)
        for (const folder of folders) {
          const { missing, moved } = withoutMoved(folder.gone, live.strays, known);
          Object.assign(folder, { gone: missing, moved });
        }
      if (!live.strays.restless || attempt === MAX_ATTEMPTS || folders.every(({ gone }) => gone.length === 0)) return;
      live.folders = listMailbox(live.place);
      live.strays = new Strays(this.reader, live.place, live.folders);
    }
  }

  /** The plan of a folder, made once. */
  #folder(live: LiveMailbox, { name, dir }: { name: string; dir: ByteString }, from: string | undefined): FolderPlan {
    let folder = live.plan.folders.find((each) => each.dir === dir);
    if (folder === undefined) {
      folder = emptyFolder(dir, name, from);
      live.plan.folders.push(folder);
    }
    return folder;
  }

  #intoTree(live: LiveMailbox, name: string, { snapshot }: LiveSource, layout: FolderLayout): { name: string; dir: ByteString } {
    live.tree ??= newTree(layout, snapshot.time, [...live.folders.keys()]);
    return placeInTree(live.tree, name, layout);
  }

  #keywords(
    state: MailboxState,
    { snapshot }: LiveSource,
    numbering: PackNumbering,
    dir: ByteString,
    layout: FolderLayout,
  ): Promise<Keywords> {
    const { repository, identities, layoutOf } = this.#options;
    const dirs = [state.mail.dirs.get(dir), state.control?.dirs.get(controlDir(dir, layout.layout))];
    return keywordsOf({ repository, snapshot, identities, layoutOf }, numbering, dirs);
  }
}
