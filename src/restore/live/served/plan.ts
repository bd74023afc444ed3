/** Planning a restore into mailboxes that are no Maildir: Dovecot is asked what is there. Changes nothing. */
import type { ImapFlow, ListResponse } from 'imapflow';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import type { PackNumbering } from '../../../repository/catalog/decode.ts';
import { displayBytes, type ByteString } from '../../../store/bytes.ts';
import { placeOnServer } from '../../imap/compare.ts';
import { Contents, type SelectedMailbox, type WantedFolder, wantedFolders, type WantedMessage } from '../../imap/wanted.ts';
import { withCrLf } from '../../imap/crlf.ts';
import type { Source } from '../../look/source.ts';
import type { DovecotAccess } from '../doveadm.ts';
import type { ServedFlags } from '../journal.ts';
import { emptyFolder, type FolderPlan, type LiveMode, type ServedMailbox } from '../model.ts';
import { treeName } from '../target.ts';
import { type SeenUids, turnedBack } from '../uids.ts';
import { HeldMail, sizedKey } from './held.ts';
import { compareWhole } from './replace.ts';
import { openSession, type Session } from './session.ts';

/** A message that is to be added, and where its bytes come from. */
export interface ServedAdd {
  message: WantedMessage;
  contents: Contents;
}

/** What is to be done in a mailbox: by IMAP name of the folder. */
export interface ServedTask {
  plan: ServedMailbox;
  adds: Map<string, ServedAdd[]>;
  flags: Map<string, ServedFlags[]>;
}

export interface ServedOptions {
  mode: LiveMode;
  /** Whether messages that lie in another folder by now are put back, too. */
  moved: boolean;
  dovecot: DovecotAccess;
  /** Of a run that is taken up: what it planned. */
  before?: readonly ServedMailbox[] | undefined;
}

export class ServedPlanner {
  readonly findings: Finding[];
  readonly #options: ServedOptions;
  readonly #seen: SeenUids;
  readonly #tasks = new Map<string, ServedTask>();

  constructor(options: ServedOptions, seen: SeenUids, findings: Finding[]) {
    [this.#options, this.#seen, this.findings] = [options, seen, findings];
  }

  get tasks(): ServedTask[] {
    return [...this.#tasks.values()];
  }

  /** Compares a mailbox of a snapshot with what is served. @param number place of the snapshot in the plan */
  async add(source: Source, number: number, numbering: PackNumbering, selected: SelectedMailbox, single: boolean): Promise<void> {
    const { store, mailbox } = selected.whole;
    const user = displayBytes(mailbox);
    let session: Session;
    try {
      session = await openSession(user, this.#options.dovecot);
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      this.findings.push({
        severity: 'error',
        code: 'not-served',
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        subject: user,
      });
      return;
    }
    try {
      await this.#compare(session, source, number, numbering, selected, single);
    } catch (error) {
      throw session.told(error);
    } finally {
      session.close();
    }
    if (this.#options.before !== undefined) return;
    const task = this.#tasks.get(`${store}\0${mailbox}`);
    task?.plan.folders.sort((a, b) => Number(isInbox(b)) - Number(isInbox(a)));
  }

  async #compare(
    { client }: Session,
    source: Source,
    number: number,
    numbering: PackNumbering,
    selected: SelectedMailbox,
    single: boolean,
  ): Promise<void> {
    const { mode } = this.#options;
    const { store, mailbox } = selected.whole;
    const task = this.#taskOf(store, mailbox);
    const contents = new Contents(source, numbering);
    const list = await client.list();
    const held = new HeldMail(client);
    const folders = await wantedFolders(source, numbering, selected, single);
    const whole = await wantedFolders(source, numbering, { ...selected, mail: selected.whole }, false);
    const places = whole.map((folder) => ({ folder, path: placeOnServer(client, list, folder.levels).path }));
    for (const folder of folders) {
      const place =
        mode === 'folder'
          ? this.#inTree(client.namespace, list, task, folder, source)
          : placeOnServer(client, list, folder.levels, mode === 'replace');
      const planned = folderOf(task.plan, place.path, mode === 'folder' ? folder.name : undefined);
      const wanted = folder.messages.map((message) => ({ message, contents }));
      if (mode === 'replace' && !place.create) {
        await this.#replace(client, task, planned, wanted, folder.dir, number);
        continue;
      }
      if (place.create || wanted.length === 0) {
        planned.create ||= place.create && (mode !== 'folder' ? !single || wanted.length > 0 : wanted.length > 0);
        this.#plan(task, planned, wanted, number);
        continue;
      }
      const keyed = await withKeys(wanted);
      let missing = await held.missing(place.path, keyed);
      planned.present += keyed.length - missing.length;
      if (mode === 'missing' && !single && !this.#options.moved)
        missing = await withoutMoved(missing, place.path, places, list, held, planned);
      this.#plan(task, planned, missing, number);
    }
    this.findings.push(...contents.findings);
  }

  /** A folder that is there becomes what it was. */
  async #replace(
    client: ImapFlow,
    task: ServedTask,
    planned: FolderPlan,
    wanted: readonly ServedAdd[],
    dir: ByteString,
    number: number,
  ): Promise<void> {
    const { store, mailbox } = task.plan;
    const { adds, present, unread, uidNext, ...differs } = await compareWhole(client, planned.name, wanted);
    const { flags, removals } = this.#asPlanned(task.plan, planned.name, differs);
    planned.present += present;
    planned.flags = flags.map(({ uid, from, to }) => ({ base: String(uid), from: from.join(' '), to: to.join(' '), add: [] }));
    planned.removals = removals.map((uid) => ({ base: String(uid), back: '' }));
    if (unread > 0)
      this.findings.push({
        severity: 'warning',
        code: 'not-set-aside',
        message: `folder '${planned.name}' of '${displayBytes(mailbox)}': ${unread} messages of the snapshot can not be read, so nothing that came later is set aside there`,
        hint: 'take another snapshot for this folder: mailrecover snapshots',
        subject: displayBytes(mailbox),
      });
    const above = await this.#seen.above(store, mailbox, dir);
    if (above > uidNext) {
      planned.minNextUid = above;
      this.findings.push(turnedBack(displayBytes(mailbox), planned.name));
    }
    task.flags.set(planned.name, flags);
    this.#plan(task, planned, adds, number);
  }

  /** Of a run that is taken up: what came, or was changed, since it was cut off is nothing that it was shown for. */
  #asPlanned(
    { store, mailbox }: ServedMailbox,
    name: string,
    now: { flags: ServedFlags[]; removals: number[] },
  ): { flags: ServedFlags[]; removals: number[] } {
    const { before } = this.#options;
    if (before === undefined) return now;
    const folder = before.find((each) => each.store === store && each.mailbox === mailbox)?.folders.find((each) => each.name === name);
    const removals = new Set(folder?.removals.map(({ base }) => base));
    const flags = new Map(folder?.flags.map(({ base, from }) => [base, from]));
    return {
      removals: now.removals.filter((uid) => removals.has(String(uid))),
      flags: now.flags.filter(({ uid, from }) => flags.get(String(uid)) === from.join(' ')),
    };
  }

  #taskOf(store: string, mailbox: ByteString): ServedTask {
    const key = `${store}\0${mailbox}`;
    let task = this.#tasks.get(key);
    if (task === undefined) {
      const before = this.#options.before?.find((each) => each.store === store && each.mailbox === mailbox);
      const tree = before?.tree;
      task = { plan: { store, mailbox, folders: [], ...(tree === undefined ? {} : { tree }) }, adds: new Map(), flags: new Map() };
      this.#tasks.set(key, task);
    }
    return task;
  }

  #inTree(
    namespace: ImapFlow['namespace'],
    list: readonly ListResponse[],
    { plan }: ServedTask,
    folder: WantedFolder,
    { snapshot }: Source,
  ): { path: string; create: boolean } {
    const [separator, prefix] = [namespace?.delimiter ?? '/', namespace?.prefix ?? ''];
    plan.tree ??= treeName(
      { separator, prefix },
      snapshot.time,
      list.map(({ path }) => path),
    );
    const path = [plan.tree, ...folder.levels.map((level) => level.replaceAll(separator, '_'))].join(separator);
    return { path, create: !list.some((each) => each.path === path && !each.flags.has('\\Noselect') && !each.flags.has('\\NonExistent')) };
  }

  #plan({ adds }: ServedTask, planned: FolderPlan, messages: readonly ServedAdd[], source: number): void {
    const list = adds.get(planned.name);
    if (list === undefined) adds.set(planned.name, [...messages]);
    else list.push(...messages);
    for (const { message } of messages)
      planned.adds.push({
        base: message.id,
        sha: message.state.sha,
        pack: '',
        size: message.state.size,
        mtime: message.state.mtime,
        flags: message.flags,
        source,
      });
  }
}

export function isInbox({ name, from }: FolderPlan): boolean {
  return (from ?? name) === 'INBOX';
}

function folderOf(plan: ServedMailbox, name: string, from: string | undefined): FolderPlan {
  let folder = plan.folders.find((each) => each.name === name);
  if (folder === undefined) {
    folder = emptyFolder('', name, from);
    plan.folders.push(folder);
  }
  return folder;
}

interface Keyed extends ServedAdd {
  key: string;
  received: number;
}

/** What can not be read is told, and left out: it could not be added either. */
async function withKeys(adds: readonly ServedAdd[]): Promise<Keyed[]> {
  const [first] = adds;
  const keys = new Map<WantedMessage, string>();
  if (first !== undefined)
    for await (const { message, content } of first.contents.read(adds.map(({ message: each }) => each)))
      keys.set(message, sizedKey(content, withCrLf(content).length));
  return adds.flatMap((add) => {
    const key = keys.get(add.message);
    return key === undefined ? [] : [{ ...add, key, received: Math.floor(add.message.state.mtime / 1e6) }];
  });
}

/** Leaves out what lies in another folder of the mailbox by now, where the snapshot does not have it. */
async function withoutMoved(
  missing: readonly Keyed[],
  own: string,
  places: readonly { folder: WantedFolder; path: string }[],
  list: readonly ListResponse[],
  held: HeldMail,
  planned: FolderPlan,
): Promise<Keyed[]> {
  const left: Keyed[] = [];
  const others = list.filter(({ path, flags }) => path !== own && !flags.has('\\Noselect') && !flags.has('\\NonExistent'));
  for (const each of missing) {
    const { sha } = each.message.state;
    let found: string | undefined;
    for (const { path } of others) {
      const expected = places
        .filter((place) => place.path === path)
        .reduce((sum, { folder }) => sum + folder.messages.filter(({ state }) => state.sha === sha).length, 0);
      if (await held.claim(path, each.key, expected)) {
        found = path;
        break;
      }
    }
    if (found === undefined) left.push(each);
    else planned.moved[found] = (planned.moved[found] ?? 0) + 1;
  }
  return left;
}
