/** A reading thread: see ingest.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { MailrecoverError } from '../../errors/error.ts';
import { parseRecipient } from '../../repository/age/keys.ts';
import { ClaimTable } from './claims.ts';
import { Ingest, type IngestCounts } from './ingest.ts';
import { KnownEntries } from './known.ts';
import { packOutcomes, unpackRequests, type FromThread, type ThreadSetup, type ToThread } from './threads.ts';

const setup = workerData as ThreadSetup;
const port = parentPort;
if (port === null) throw new MailrecoverError('bug', 'a reading thread was started as a program');

function say(message: FromThread, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

const ingest = new Ingest(
  {
    thread: setup.thread,
    secret: Buffer.from(setup.secret),
    recipients: setup.recipients?.map((text) => parseRecipient(text)),
    readBack: setup.readBack,
    hard: setup.hard,
    known: new KnownEntries(setup.knownTables, new Set(setup.lost)),
    onPack: ({ place, name, bytes, tags, raw }) => {
      say({ type: 'pack', place, name, bytes, tags, raw }, bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : []);
    },
  },
  ClaimTable.open(setup.claims),
);

function countsSince(before: IngestCounts): { bytesRead: number; otherBytesRead: number; messages: number; odd: number } {
  const { bytesRead, otherBytesRead, messagesStored, oddStored } = ingest.counts;
  return {
    bytesRead: bytesRead - before.bytesRead,
    otherBytesRead: otherBytesRead - before.otherBytesRead,
    messages: messagesStored - before.messagesStored,
    odd: oddStored - before.oddStored,
  };
}

function handle(message: ToThread): void {
  if (message.type === 'claims') ingest.claims = ClaimTable.open(message.claims);
  else if (message.type === 'flush') {
    ingest.flush();
    say({ type: 'flushed' });
  } else {
    const before = { ...ingest.counts };
    const outcomes = packOutcomes(ingest.readAll(unpackRequests(message)));
    const { stats, shas, places } = outcomes;
    say({ type: 'outcomes', id: message.id, outcomes, ...countsSince(before) }, [stats.buffer, shas.buffer, places.buffer]);
  }
}

say({ type: 'ready' });
port.on('message', (message: ToThread) => {
  try {
    handle(message);
  } catch (error) {
    const known = error instanceof MailrecoverError;
    const text = error instanceof Error ? error.message : String(error);
    say({ type: 'error', code: known ? error.code : 'bug', message: text, hint: known ? error.hint : undefined });
  }
});
