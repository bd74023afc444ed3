/** Reading mailboxes of the live store of this host. */
import { createHash } from 'node:crypto';
import { readFileSync, type Stats } from 'node:fs';
import { isHomeName, storeMailboxes, type SourceMailbox } from '../../backup/mailboxes.ts';
import type { Finding } from '../../errors/finding.ts';
import { readDial, waitingFor, type Dial } from '../dial/record.ts';
import type { ByteString } from '../../store/bytes.ts';
import type { ContentReader, LiveArea, ReadOutcome, ReadRequest } from '../../store/live.ts';
import { captureMailbox, type CapturedMailbox } from '../../store/maildir/capture.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import { FileOpener, withFile } from '../../store/reach.ts';
import { liveStat, lstatIfThere } from '../../store/stat.ts';
import { isoNow, now } from '../../system/clock.ts';
import { groupName, userName } from '../../system/owners.ts';
import {
  messageKey,
  stagedKey,
  SYNCED_AREAS,
  type Held,
  type MailboxCut,
  type MailboxName,
  type OwnerNames,
  type Piece,
  type Source,
  type SyncedArea,
} from './model.ts';
import { accountsHere } from '../accounts.ts';
import { acceptedTaken, mailLogLately, readAccepted } from '../ledger/source.ts';
import { boxPrint } from './box/print.ts';
import { answer } from './box/pull.ts';
import { readBox } from './box/state.ts';
import { areasOf, isBox, syncPlaceOf, type MailboxPlace, type SyncStore } from './place.ts';
import { printOf, type PrintArea } from './print.ts';
import { SyncLock } from './sync-lock.ts';
import { TakenStore } from './taken.ts';

export interface LiveSourceOptions {
  /** Directory of this host's state. */
  state: string;
  stores: readonly SyncStore[];
  /** Names of mailboxes as people write them; all where it is absent. */
  mailboxes?: readonly string[];
  /** Throws where this host may not be written to, which only a merge does. */
  guard: () => Promise<void>;
  /** Seconds that a change must be past before times prove anything. */
  settle: number;
  /** Dovecot's configuration file, where it is not the usual one. */
  dovecot?: string | undefined;
  /** Postfix's log, where it is not where Postfix says. */
  log?: string | undefined;
  signal?: AbortSignal;
}

type Take = (piece: Piece, content: Uint8Array) => Promise<void>;

function isSynced(area: string): area is SyncedArea {
  return (SYNCED_AREAS as readonly string[]).includes(area);
}

/** The mailboxes of this host's stores. */
export function liveSource(options: LiveSourceOptions): Source {
  let found: Promise<{ sources: Map<string, SourceMailbox>; findings: Finding[] }> | undefined;
  const all = (): NonNullable<typeof found> => (found ??= find(options));
  let dial: { record: Dial | undefined } | undefined;
  const logNow = mailLogLately(options.log);
  return {
    async mailboxes() {
      const { sources, findings } = await all();
      const mailboxes = Array.from(sources.values(), ({ store, mailbox, areas }) => {
        const stats = lstatIfThere(areas.find(({ area }) => area === 'mail')?.path ?? '');
        return stats === undefined ? [] : [{ store, mailbox, owner: ownerNames(stats) }];
      });
      return { mailboxes: mailboxes.flat(), findings };
    },
    accounts: () => accountsHere(options.dovecot, options.signal),
    async accepted() {
      const log = await logNow();
      return log === undefined ? undefined : readAccepted(options.state, log);
    },
    acceptedTaken: ({ cursor }) => acceptedTaken(options.state, cursor),
    common: async (name) => new TakenStore(options.state).read(name),
    async read(name, held, take, { contents }) {
      const source = (await all()).sources.get(keyOf(name));
      if (source === undefined) return 'gone';
      const waiting = waitingFor((dial ??= { record: readDial(options.state) }).record, name);
      if (waiting !== undefined) return { cut: emptyCut(name), findings: [waiting] };
      if (isBox(source.format)) return readBoxMailbox(syncPlaceOf(name, options.stores), held, contents ? take : undefined, options);
      const areas = source.areas.flatMap(({ area, path }) =>
        isSynced(area) ? [{ area, root: path, ...(area === 'home' ? { only: isHomeName } : {}) }] : [],
      );
      return readMailbox(name, areas, held, contents ? take : undefined, options);
    },
    async dsync(name, how) {
      const place = syncPlaceOf(name, options.stores);
      if (how !== 'merge') return answer(place, options);
      const lock = new SyncLock(options.state);
      return new Promise((resolve, reject) => {
        const merging = lock.held(async () => {
          await options.guard();
          const ends = await answer(place, options);
          resolve(ends);
          await new Promise((done) => ends.readable.once('close', done));
        });
        merging.catch(reject);
      });
    },
  };
}

/** Of a mailbox that can't be read as it is. */
function emptyCut({ store, mailbox }: MailboxName): MailboxCut {
  return { store, mailbox, at: isoNow(), owner: { user: '', group: '', mode: 0 }, dirs: [], files: [], links: [], messages: [] };
}

function ownerNames({ uid, gid, mode }: Stats): OwnerNames {
  return { user: userName(uid), group: groupName(gid), mode: mode & 0o7777 };
}

function keyOf({ store, mailbox }: MailboxName): string {
  return `${store}\0${mailbox}`;
}

async function find({
  stores,
  mailboxes,
  signal,
}: LiveSourceOptions): Promise<{ sources: Map<string, SourceMailbox>; findings: Finding[] }> {
  const sources = new Map<string, SourceMailbox>();
  const findings: Finding[] = [];
  const wanted = mailboxFilter(mailboxes);
  for (const store of stores) {
    const { format = 'maildir' } = store;
    if (format !== 'maildir' && !isBox(format)) {
      findings.push({
        severity: 'error',
        code: 'not-synced',
        message: `store '${store.name}' holds ${format}, and only Maildir, sdbox and mdbox are kept alike on the standby`,
        hint: 'convert it to one of these (doveadm backup), or restore it from the repository when it is needed',
        subject: store.name,
      });
      continue;
    }
    const each = await storeMailboxes(store, '', signal);
    findings.push(...each.findings);
    for (const source of each.mailboxes) if (wanted(source.mailbox)) sources.set(keyOf(source), source);
  }
  return { sources, findings };
}

type MailboxRead = Awaited<ReturnType<Source['read']>>;

/** Reads a mailbox that Dovecot copies: what that says of it, and the Sieve scripts, which dsync leaves out. */
export async function readBoxMailbox(
  place: MailboxPlace,
  held: Held,
  take: Take | undefined,
  options: Pick<LiveSourceOptions, 'settle' | 'dovecot' | 'signal'>,
): Promise<MailboxRead> {
  const { settle, signal } = options;
  const stats = lstatIfThere(place.root);
  if (stats === undefined) return 'gone';
  const at = isoNow();
  const micros = (): number => now() * 1000;
  const print = boxPrintOf(place, micros, settle * 1e6);
  if (print !== undefined && print === held.print) return 'unchanged';
  if (held.brief === true) return 'changed';
  const areas = areasOf(place);
  const captured = await captureMailbox({
    areas: areas.map((area) => ({ ...area, prior: undefined })),
    deep: false,
    settle: settle * 1e6,
    now: micros,
    lost: () => false,
    read: contentReader(place.home ?? '', held, take),
    ...(signal === undefined ? {} : { signal }),
  });
  const isWhole = !captured.findings.some(({ severity }) => severity === 'error');
  const { box, messages } = await readBox(place, options);
  const cut: MailboxCut = { ...cutOf(place, captured, at, ownerNames(stats)), messages, box };
  return { cut: { ...cut, ...(print === undefined || !isWhole ? {} : { print }) }, findings: captured.findings };
}

/** {@link printOf} for a mailbox that Dovecot copies. */
export function boxPrintOf(place: MailboxPlace, now: () => number, settle: number): string | undefined {
  const [files, mail] = [printOf(areasOf(place), now, settle), boxPrint(place, now, settle)];
  return files === undefined || mail === undefined ? undefined : `${files}${mail}`;
}

/** Reads one Maildir, wherever it lies. */
export async function readMailbox(
  name: MailboxName,
  areas: readonly PrintArea[],
  held: Held,
  take: Take | undefined,
  { settle, signal }: Pick<LiveSourceOptions, 'settle' | 'signal'>,
): Promise<MailboxRead> {
  const root = areas.find(({ area }) => area === 'mail')?.root ?? '';
  const stats = lstatIfThere(root);
  if (stats === undefined) return 'gone';
  const at = isoNow();
  const micros = (): number => now() * 1000;
  const print = printOf(areas, micros, settle * 1e6);
  if (print !== undefined && print === held.print) return 'unchanged';
  if (held.brief === true) return 'changed';
  const captured = await captureMailbox({
    areas: areas.map((area) => ({ ...area, prior: undefined })),
    deep: false,
    settle: settle * 1e6,
    now: micros,
    lost: () => false,
    read: contentReader(root, held, take),
    ...(signal === undefined ? {} : { signal }),
  });
  if (captured.vanished) return 'gone';
  const isWhole = !captured.findings.some(({ severity }) => severity === 'error');
  const cut = cutOf(name, captured, at, ownerNames(stats));
  return { cut: { ...cut, ...(print === undefined || !isWhole ? {} : { print }) }, findings: captured.findings };
}

/** Reads what the other host does not have, and hands it on; of the rest only the attributes are looked at. */
function contentReader(root: ByteString, held: Held, take: Take | undefined): ContentReader {
  const messages = new Map(held.messages.map(([key, size, mtime]) => [key, { size, mtime }]));
  const staged = new Map(held.staged.map(([key, size, mtime]) => [key, { size, mtime }]));
  const files = new Set(held.files);
  let last = Promise.resolve();
  const readOne = async (request: ReadRequest, opener: FileOpener): Promise<ReadOutcome> => {
    const key = request.kind === 'message' ? keyOfPath(request.path.slice(root.length + 1)) : undefined;
    const known = key === undefined ? undefined : (messages.get(key) ?? (staged.size === 0 ? undefined : staged.get(stagedKey(key))));
    const read = withFile(opener, request.path, (fd, stats) => {
      const stat = liveStat(stats);
      const isKnown = stat.size === known?.size && stat.mtime === known.mtime;
      const isNeeded = stats.isFile() && !isKnown && (take !== undefined || key === undefined);
      return { stat, isFile: stats.isFile(), content: isNeeded ? readFileSync(fd) : undefined };
    });
    if ('error' in read) return { error: read.error === 'ELOOP' ? 'ENOENT' : read.error };
    const { stat, isFile, content } = read;
    if (!isFile) return { error: 'ENOENT' };
    if (content === undefined) return { stat, parts: [{ sha: '', place: 0 }] };
    // A message has its bytes from the moment it is there; one that still grows is no Maildir message.
    if (key !== undefined && content.length !== stat.size) return { error: 'EIO' };
    const sha = createHash('sha256').update(content).digest('hex');
    if (take !== undefined && key !== undefined) {
      await take({ key, mtime: stat.mtime, sha }, content);
      // Under the same name are the same bytes, however often it is looked at.
      messages.set(key, { size: stat.size, mtime: stat.mtime });
    } else if (take !== undefined && !files.has(sha)) {
      await take({ key: sha, mtime: stat.mtime, sha }, content);
      files.add(sha);
    }
    return { stat: { ...stat, size: content.length }, parts: [{ sha, place: 0 }] };
  };
  return async (requests) => {
    const outcomes: ReadOutcome[] = [];
    // Batches come all at once; each waits for its turn, so that memory stays small.
    const turn = last;
    let done: () => void = () => undefined;
    last = new Promise((resolve) => (done = resolve));
    await turn;
    const opener = new FileOpener();
    try {
      for (const request of requests) outcomes.push(await readOne(request, opener));
    } finally {
      opener.release();
      done();
    }
    return outcomes;
  };
}

/** `cur/1.x:2,S` and `.A/cur/1.x:2,S` as {@link messageKey} has them. */
function keyOfPath(path: ByteString): string {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  const dir = parts.slice(0, -1).join('/');
  const colon = name.indexOf(':');
  return messageKey(dir, colon < 0 ? name : name.slice(0, colon));
}

function cutOf({ store, mailbox }: MailboxName, captured: CapturedMailbox, at: string, owner: MailboxCut['owner']): MailboxCut {
  const cut: MailboxCut = { store, mailbox, at, owner, dirs: [], files: [], links: [], messages: [] };
  for (const area of SYNCED_AREAS) {
    const live = captured.areas.get(area);
    if (live !== undefined) addArea(cut, area, live);
  }
  return cut;
}

function addArea(cut: MailboxCut, area: SyncedArea, live: LiveArea): void {
  for (const [path, dir] of live.dirs) {
    const below = (name: ByteString): ByteString => (path === '' ? name : `${path}/${name}`);
    if (path !== '') cut.dirs.push({ area, path, mode: dir.stat.mode });
    for (const [name, { stat, parts }] of dir.files) {
      const [part] = parts;
      if (part !== undefined) cut.files.push({ area, path: below(name), mode: stat.mode, mtime: stat.mtime, sha: part.sha });
    }
    for (const [name, { to }] of dir.links) cut.links.push({ area, path: below(name), to });
    for (const [base, message] of dir.messages)
      cut.messages.push({ dir: path, base, in: message.in, flags: message.flags, size: message.stat.size, mtime: message.stat.mtime });
  }
}
