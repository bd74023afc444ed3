/** What changed from one snapshot to another. */
import { PackNumbering } from '../../repository/catalog/decode.ts';
import { sectionKey, type FullSection, type MessageState } from '../../repository/catalog/model.ts';
import { byBytes } from '../../repository/catalog/percent.ts';
import { openCatalog, type SnapshotState, type Wanted } from '../../repository/catalog/reader.ts';
import { displayBytes } from '../../store/bytes.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import { flagsOfView } from '../../store/view.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import { HEAD_BYTES, readHeaders } from '../../store/message/headers.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import { checkSelection, unfittedIn } from '../unfitted.ts';
import { nameOfFolder, sectionLayout, showsMessages, wantedOf } from './folders.ts';
import { messageIdOf } from './message-id.ts';
import { OpenPacks } from './packs.ts';
import { keywordsOf, stateOf, type Source } from './source.ts';

/** `content`: other bytes under the same name, which mail never has. */
export type ChangeKind = 'added' | 'removed' | 'moved' | 'flags' | 'content';

export interface Change {
  change: ChangeKind;
  mailbox: string;
  folder: string;
  /** As `cat` takes it: in the later snapshot, or in the earlier one where it is there no more. */
  message: string;
  /** The folder where it was before, for `moved`. */
  movedFrom?: string;
  /** IMAP flags and keywords before and after, for `flags`. */
  flags?: { from: string[]; to: string[] };
  messageId?: string;
  from?: string;
  subject?: string;
  /** UTC; as the message says. */
  date?: string;
}

export interface DiffReport {
  changes: Change[];
  counts: Record<ChangeKind, number>;
  /** Whether headers were left out, since there are too many changes. */
  withoutHeaders: boolean;
}

/** A change, and where the bytes of its message are. */
interface Found {
  change: Change;
  side: 'before' | 'after';
  sha: string;
  pack: string;
}

/** Headers are read for at most so many changes: each costs a look into a pack. */
const MAX_HEADERS = 1000;
/** With more mailboxes than this to look at, all are read. */
const MAX_WANTED = 500;

/**
 * Compares two snapshots. Where they share catalogs, only the mailboxes in which the others say something are read.
 * @throws MailrecoverError `damage`, `key`
 */
export async function diffSnapshots(before: Source, after: Source, mailboxes: readonly string[]): Promise<DiffReport> {
  await checkMailboxes(before, after, mailboxes);
  const isWanted = mailboxFilter(mailboxes);
  const wanted = (await touched(before, after)) ?? wantedOf(mailboxes);
  const found: Found[] = [];
  if (wanted?.length !== 0) {
    const states: States = { before: await stateOf(before, wanted), after: await stateOf(after, wanted), sources: { before, after } };
    for await (const [left, right] of pairs(states.before.sections, states.after.sections)) {
      const section = right ?? left;
      if (section === undefined || !showsMessages(section) || !isWanted(section.mailbox)) continue;
      for (const each of await diffMailbox(states, left, right)) found.push(each);
    }
  }
  const counts: DiffReport['counts'] = { added: 0, removed: 0, moved: 0, flags: 0, content: 0 };
  for (const { change } of found) counts[change.change]++;
  const withoutHeaders = found.length > MAX_HEADERS;
  if (!withoutHeaders) await addHeaders({ before, after }, found);
  return { changes: found.map(({ change }) => change), counts, withoutHeaders };
}

/** A name that fits in neither snapshot was mistyped. */
async function checkMailboxes(before: Source, after: Source, mailboxes: readonly string[]): Promise<void> {
  const { left } = await unfittedIn(after, { mailboxes });
  if (left.mailboxes.length > 0) await checkSelection(before, { mailboxes: left.mailboxes });
}

/** The mailboxes that the catalogs which are not in both snapshots tell of; undefined where that says nothing. */
async function touched(before: Source, after: Source): Promise<Wanted> {
  const left = before.snapshot.catalogs.map(({ name }) => name);
  const right = after.snapshot.catalogs.map(({ name }) => name);
  let common = 0;
  while (common < left.length && left[common] === right[common]) common++;
  if (common === 0) return undefined;
  const mailboxes = new Map<string, { store: string; mailbox: string }>();
  for (const name of [...left.slice(common), ...right.slice(common)]) {
    const catalog = await openCatalog(after.repository.target, name, after.identities, new PackNumbering());
    for await (const { store, mailbox } of catalog.sections()) mailboxes.set(`${store}\0${mailbox}`, { store, mailbox });
  }
  return mailboxes.size > MAX_WANTED ? undefined : [...mailboxes.values()];
}

type Pair = [before: FullSection | undefined, after: FullSection | undefined];

/** Goes through two states side by side; both have their sections in the same order. */
async function* pairs(before: AsyncGenerator<FullSection>, after: AsyncGenerator<FullSection>): AsyncGenerator<Pair> {
  const next = async (sections: AsyncGenerator<FullSection>): Promise<FullSection | undefined> => {
    const step = await sections.next();
    return step.done === true ? undefined : step.value;
  };
  let left = await next(before);
  let right = await next(after);
  while (left !== undefined || right !== undefined) {
    const order = left === undefined ? 1 : right === undefined ? -1 : byBytes(sectionKey(left), sectionKey(right));
    yield [order <= 0 ? left : undefined, order >= 0 ? right : undefined];
    if (order <= 0) left = await next(before);
    if (order >= 0) right = await next(after);
  }
}

interface States {
  before: SnapshotState;
  after: SnapshotState;
  sources: { before: Source; after: Source };
}

async function diffMailbox(states: States, left: FullSection | undefined, right: FullSection | undefined): Promise<Found[]> {
  const section = right ?? left;
  if (section === undefined) return [];
  const layout = sectionLayout(section, states.sources.after.layoutOf);
  const make = (change: ChangeKind, side: Found['side'], dir: string, base: string, state: MessageState): Found => ({
    change: {
      change,
      mailbox: displayBytes(section.mailbox),
      folder: nameOfFolder(dir, layout),
      message: messageIdOf({ store: section.store, mailbox: section.mailbox, dir, base }, state.sha),
    },
    side,
    sha: state.sha,
    pack: states[side].numbering.names[state.pack] ?? '',
  });
  const came: { found: Found; dir: string }[] = [];
  const went = new Map<string, { found: Found; dir: string }[]>();
  const changes: Found[] = [];
  for (const dir of new Set([...(left?.dirs.keys() ?? []), ...(right?.dirs.keys() ?? [])])) {
    const [old, now] = [left?.dirs.get(dir), right?.dirs.get(dir)];
    for (const [base, state] of now?.messages ?? []) {
      const held = old?.messages.get(base);
      if (held === undefined) came.push({ found: make('added', 'after', dir, base, state), dir });
      else if (held.sha !== state.sha) changes.push(make('content', 'after', dir, base, state));
      else if (held.flags !== state.flags) {
        const flags = {
          from: await shownFlags(states, 'before', left, dir, held.flags),
          to: await shownFlags(states, 'after', right, dir, state.flags),
        };
        // Letters that mean nothing are no change that anybody sees.
        if (flags.from.join(' ') === flags.to.join(' ')) continue;
        const found = make('flags', 'after', dir, base, state);
        changes.push({ ...found, change: { ...found.change, flags } });
      }
    }
    for (const [base, state] of old?.messages ?? []) {
      if (now?.messages.has(base) === true) continue;
      const list = went.get(state.sha);
      const each = { found: make('removed', 'before', dir, base, state), dir };
      if (list === undefined) went.set(state.sha, [each]);
      else list.push(each);
    }
  }
  for (const { found, dir } of came) {
    // The same bytes, gone from another folder: it was moved.
    const from = went.get(found.sha)?.findIndex((each) => each.dir !== dir) ?? -1;
    const [moved] = from < 0 ? [] : (went.get(found.sha)?.splice(from, 1) ?? []);
    changes.push(
      moved === undefined ? found : { ...found, change: { ...found.change, change: 'moved', movedFrom: moved.found.change.folder } },
    );
  }
  for (const list of went.values()) changes.push(...list.map(({ found }) => found));
  return changes.sort((a, b) => byBytes(a.change.folder, b.change.folder));
}

async function shownFlags(
  states: States,
  side: 'before' | 'after',
  section: FullSection | undefined,
  dir: string,
  flags: string,
): Promise<string[]> {
  return section?.area === 'view' ? flagsOfView(flags) : imapFlags(flags, await keywords(states, side, section, dir, flags));
}

const NO_KEYWORDS: Keywords = new Map();

/** Names of the keywords that flags may mean; read only where there is a letter for one. */
async function keywords(
  states: States,
  side: 'before' | 'after',
  section: FullSection | undefined,
  dir: string,
  flags: string,
): Promise<Keywords> {
  const state = section?.dirs.get(dir);
  if (state === undefined || !/,[A-Z]*[a-z]/.test(flags)) return NO_KEYWORDS;
  let known = KEYWORDS.get(state);
  if (known === undefined) {
    known = keywordsOf(states.sources[side], states[side].numbering, [state]);
    KEYWORDS.set(state, known);
  }
  return known;
}

const KEYWORDS = new WeakMap<object, Promise<Keywords>>();

async function addHeaders(sources: { before: Source; after: Source }, found: readonly Found[]): Promise<void> {
  const packs = { before: new OpenPacks(sources.before), after: new OpenPacks(sources.after) };
  for (const [, group] of Map.groupBy(found, ({ side, pack }) => `${side} ${pack}`)) {
    const { side = 'after', pack = '' } = group[0] ?? {};
    for (const { change, sha } of await packs[side].inOrder(pack, group)) {
      const head = await packs[side].head(pack, sha, HEAD_BYTES);
      if (head !== undefined) Object.assign(change, headersOf(head));
    }
  }
}

function headersOf(head: Buffer): Pick<Change, 'messageId' | 'from' | 'subject' | 'date'> {
  const { messageId, from, subject, date } = readHeaders(head);
  return {
    ...(messageId === undefined ? {} : { messageId }),
    ...(from === undefined ? {} : { from }),
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date: new Date(date).toISOString() }),
  };
}
