/** Fetching messages, each once. */
import type { ImapFlow } from 'imapflow';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes } from '../bytes.ts';
import type { ContentReader, LiveMessage } from '../live.ts';
import type { FetchedMessage, FetchJournal } from './journal.ts';
import { baseOf, identityKey, messageStat, partsOfName, virtualSize } from './message.ts';

/** A message of which the server told everything but its bytes. */
export interface Announced {
  uid: number;
  /** Seconds since 1970. */
  received: number;
  /** As the server says; some count otherwise than they send. */
  size: number;
  /** What the server calls it wherever it lies, where it has such names. */
  identity: string | undefined;
  /** The rest of its file's name. */
  flags: string;
}

export interface BodyOptions {
  client: ImapFlow;
  read: ContentReader;
  journal: FetchJournal;
  dryRun: boolean;
  /** Messages by what the server calls them. */
  twins: Map<string, { base: ByteString; message: LiveMessage }>;
  lost: (place: number) => boolean;
  findings: Finding[];
  signal: AbortSignal | undefined;
  /** Told of each batch. */
  onProgress: () => void;
}

export interface Folder {
  path: string;
  dir: ByteString;
  uidValidity: number;
}

/** So much is fetched at once: few round trips, little memory. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_MESSAGES = 200;

/** The messages by UID, of the open folder; those that were expunged meanwhile are left out. */
export async function fetchBodies(
  options: BodyOptions,
  folder: Folder,
  wanted: readonly Announced[],
): Promise<Map<number, { base: ByteString; message: LiveMessage }>> {
  const found = new Map<number, { base: ByteString; message: LiveMessage }>();
  const take = (announced: Announced, stored: FetchedMessage): void => {
    const { uid, received, identity, flags } = announced;
    const { size, virtual, sha, place = 0 } = stored;
    const base = baseOf(folder.dir, folder.uidValidity, { uid, received, size, virtual });
    const message: LiveMessage = { in: 'cur', flags, sha, place, stat: messageStat(size, received, identity) };
    found.set(uid, { base, message });
    const key = identityKey(message.stat);
    if (key !== undefined) options.twins.set(key, { base, message });
  };
  const left: Announced[] = [];
  for (const announced of wanted) {
    const stored = twinOf(options, announced) ?? (await journalled(options, folder, announced));
    if (stored !== undefined) take(announced, stored);
    else if (options.dryRun) take(announced, { sha: '0'.repeat(64), size: announced.size, virtual: announced.size, place: -1 });
    else left.push(announced);
  }
  for (const batch of batches(left)) {
    options.signal?.throwIfAborted();
    // Of a message that is in two folders under one name only one is fetched.
    const first = batch.filter((each) => twinOf(options, each) === undefined);
    for (const [announced, stored] of await fetchBatch(options, folder, first)) take(announced, stored);
    for (const announced of batch) {
      const twin = found.has(announced.uid) ? undefined : twinOf(options, announced);
      if (twin !== undefined) take(announced, twin);
    }
    options.onProgress();
  }
  return found;
}

function* batches(wanted: readonly Announced[]): Generator<Announced[]> {
  let batch: Announced[] = [];
  let bytes = 0;
  for (const announced of wanted) {
    if (batch.length >= BATCH_MESSAGES || (batch.length > 0 && bytes + announced.size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(announced);
    bytes += announced.size;
  }
  if (batch.length > 0) yield batch;
}

/** The same message in another folder, or under another UID: servers that name messages never give a name to other bytes (RFC 8474 section 4). */
function twinOf({ twins, lost }: BodyOptions, { identity, received }: Announced): FetchedMessage | undefined {
  const key = identity === undefined ? undefined : identityKey(messageStat(0, received, identity));
  const twin = key === undefined ? undefined : twins.get(key);
  if (twin === undefined || lost(twin.message.place)) return undefined;
  const { stat, sha, place } = twin.message;
  return { sha, place, size: stat.size, virtual: partsOfName(twin.base)?.virtual ?? stat.size };
}

/** What was fetched before this connection, or this run, was cut off. */
async function journalled(
  { journal, read }: BodyOptions,
  { dir, uidValidity }: Folder,
  { uid }: Announced,
): Promise<FetchedMessage | undefined> {
  const known = journal.get(dir, uidValidity, uid);
  if (known === undefined || known.place !== undefined) return known;
  const [outcome] = await read([{ path: '', kind: 'message', sought: known.sha }]);
  const place = outcome !== undefined && 'parts' in outcome ? outcome.parts[0]?.place : undefined;
  return place === undefined ? undefined : { ...known, place };
}

async function fetchBatch(options: BodyOptions, folder: Folder, batch: readonly Announced[]): Promise<Map<Announced, FetchedMessage>> {
  const { client, read, journal, signal } = options;
  const contents = await fetchContents(client, batch);
  const silent = batch.filter(({ uid }) => !contents.has(uid));
  for (const [uid, content] of await fetchOnceMore(options, folder, silent)) contents.set(uid, content);
  signal?.throwIfAborted();
  const got = batch.flatMap((announced) => {
    const content = contents.get(announced.uid);
    return content === undefined ? [] : [{ announced, content, virtual: virtualSize(content) }];
  });
  const outcomes = await read(
    got.map(({ announced, content }) => ({
      path: '',
      kind: 'message',
      given: { content, stat: messageStat(content.length, announced.received, announced.identity) },
    })),
  );
  const stored = new Map<Announced, FetchedMessage>();
  for (const [index, { announced, content, virtual }] of got.entries()) {
    const outcome = outcomes[index];
    const part = outcome !== undefined && 'parts' in outcome ? outcome.parts[0] : undefined;
    if (part !== undefined) stored.set(announced, { ...part, size: content.length, virtual });
  }
  journal.add(
    folder.dir,
    folder.uidValidity,
    [...stored].map(([{ uid }, message]) => ({ uid, ...message })),
  );
  return stored;
}

async function fetchContents(client: ImapFlow, batch: readonly Announced[]): Promise<Map<number, Buffer>> {
  const contents = new Map<number, Buffer>();
  if (batch.length === 0) return contents;
  const asked = new Set(batch.map(({ uid }) => uid));
  const range = [...asked].join(',');
  for await (const { uid, source } of client.fetch(range, { uid: true, source: true }, { uid: true }))
    if (Buffer.isBuffer(source) && asked.has(uid)) contents.set(uid, source);
  return contents;
}

/** What a server did not send: expunged meanwhile, or a message that it can't read itself. */
async function fetchOnceMore(
  { client, findings }: BodyOptions,
  { path }: Folder,
  silent: readonly Announced[],
): Promise<Map<number, Buffer>> {
  if (silent.length === 0) return new Map();
  const there = await uidsOf(client, silent.map(({ uid }) => uid).join(','));
  const still = silent.filter(({ uid }) => there.has(uid));
  const contents = new Map<number, Buffer>();
  for (const { uid, size } of still) if (size === 0) contents.set(uid, Buffer.alloc(0));
  for (const announced of still)
    if (announced.size > 0) for (const [uid, content] of await fetchContents(client, [announced])) contents.set(uid, content);
  const gone = await uidsOf(client, still.map(({ uid }) => uid).join(','));
  for (const { uid } of still)
    if (!contents.has(uid) && gone.has(uid))
      findings.push({
        severity: 'error',
        code: 'unreadable',
        message: `the server does not hand out the message with UID ${uid} of folder '${displayBytes(path)}'`,
        hint: 'open it with a mail client; a server that can not either has lost it',
        subject: path,
      });
  return contents;
}

/** Which of these UIDs, or of all, are in the open folder. */
export async function uidsOf(client: ImapFlow, range?: string): Promise<Set<number>> {
  if (range === '') return new Set();
  const found = await client.search(range === undefined ? { all: true } : { uid: range }, { uid: true });
  if (found === false) throw Object.assign(new Error('the connection was lost'), { code: 'NoConnection' });
  return new Set(found as number[]);
}
