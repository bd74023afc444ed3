/** Handing mail out in formats that other programs read. */
import { join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { toBytes } from '../../../store/bytes.ts';
import { maildirFlags } from '../../../store/maildir/flags.ts';
import { formatKeywords, type Keywords } from '../../../store/maildir/keywords.ts';
import { flagsOfView } from '../../../store/view.ts';
import type { Progress } from '../../../system/progress.ts';
import { checkSelection } from '../../unfitted.ts';
import type { Source } from '../source.ts';
import { mboxEntry } from './mbox.ts';
import { foldersToExport, Losses, type ExportedFolder, type ExportedMessage, type MailSelection } from './messages.ts';
import { NameBook } from './names.ts';
import { emptyDirectory, makeFolder, NewFile, writeNew } from './place.ts';
import { plainMessage } from './plain.ts';

export type ExportFormat = 'mbox' | 'eml' | 'maildir' | 'tar';

export interface ExportOptions {
  source: Source;
  selection: MailSelection;
  format: ExportFormat;
  /** An empty directory, or one that is not there; for `tar` a file that is not there. */
  to: string;
  progress: Progress;
  signal?: AbortSignal;
}

export interface ExportReport {
  counts: { mailboxes: number; messages: number; bytes: number };
  /** What could not be exported. */
  findings: Finding[];
}

/** Folders of up to this many bytes are sorted by date in memory before they are written as mbox. */
const SORTED = 64 * 1024 * 1024;

/** Writes one format. */
interface Sink {
  folder(folder: ExportedFolder): Promise<void>;
  end(): void;
}

class Counter {
  readonly counts = { mailboxes: 0, messages: 0, bytes: 0 };
  readonly losses = new Losses();
  readonly #mailboxes = new Set<string>();
  readonly #options: Pick<ExportOptions, 'progress' | 'signal'>;

  constructor(options: Pick<ExportOptions, 'progress' | 'signal'>) {
    this.#options = options;
  }

  folder({ store, mailboxBytes }: ExportedFolder): void {
    this.#mailboxes.add(`${store}\0${mailboxBytes}`);
    this.counts.mailboxes = this.#mailboxes.size;
  }

  message(bytes: number): void {
    this.#options.signal?.throwIfAborted();
    this.counts.messages++;
    this.counts.bytes += bytes;
    this.#options.progress.advance(1, bytes);
  }

  /** For messages in a form that the format has no place for. */
  unreadable({ id }: ExportedMessage, ending: string): void {
    this.losses.add({
      severity: 'error',
      code: 'not-mail',
      message: `message '${id}' is stored in a form that can not be opened here (${ending.slice(1)}), and was left out`,
      hint: 'export it with --format eml or maildir, which hand it out as it is',
      subject: id,
    });
  }
}

/**
 * Exports mail into a directory or a file. What is damaged is named and left out.
 * @throws MailrecoverError `refused` where something is there already, `not-found`, `io`, `no-space`, `key`
 */
export async function exportMail(options: ExportOptions): Promise<ExportReport> {
  const { source, selection, format, to, progress } = options;
  await checkSelection(source, selection);
  const counter = new Counter(options);
  const target = toBytes(to);
  if (format !== 'tar') emptyDirectory(target);
  const file = format === 'tar' ? new NewFile(target) : undefined;
  const sink: Sink = format === 'tar' ? await tarSink(counter, (bytes) => file?.write(bytes)) : directorySink(format, counter, target);
  progress.phase(
    'exporting',
    selection.mailboxes.length + selection.folders.length > 0
      ? undefined
      : { items: source.snapshot.counts.messages, bytes: source.snapshot.counts.bytes },
  );
  try {
    for await (const folder of foldersToExport(source, selection, counter.losses)) {
      counter.folder(folder);
      await sink.folder(folder);
    }
    sink.end();
  } finally {
    file?.close();
  }
  return { counts: counter.counts, findings: counter.losses.findings };
}

/**
 * A tar archive in pieces, for standard output.
 * @throws MailrecoverError `damage` at its end, where something could not be exported
 */
export async function* exportTar({
  source,
  selection,
  progress,
  signal,
}: Omit<ExportOptions, 'format' | 'to'>): AsyncGenerator<Uint8Array> {
  await checkSelection(source, selection);
  const counter = new Counter({ progress, ...(signal === undefined ? {} : { signal }) });
  const { tarEnd } = await import('./tar.ts');
  const names = new EmlNames();
  for await (const folder of foldersToExport(source, selection, counter.losses)) yield* tarFolder(folder, names, counter);
  yield tarEnd();
  const { count, findings } = counter.losses;
  if (count > 0)
    throw new MailrecoverError('damage', `${count} messages are missing from the archive; the first: ${findings[0]?.message ?? ''}`, {
      hint: "see what is damaged: 'mailrecover check --read-data'",
    });
}

/** Names of directories and files for single messages. */
class EmlNames {
  readonly #mailboxes = new NameBook();
  readonly #folders = new Map<string, NameBook>();

  directory({ key, store, mailboxBytes, mailbox, folder }: ExportedFolder): string[] {
    const box = `${store}\0${mailboxBytes}`;
    let folders = this.#folders.get(box);
    if (folders === undefined) this.#folders.set(box, (folders = new NameBook()));
    return [this.#mailboxes.nameFor(box, mailbox), folders.nameFor(key, folder.replaceAll('/', '.'))];
  }

  /** @param book of the directory that it goes into */
  file({ id, state, place }: ExportedMessage, ending: string, book: NameBook): string {
    const time = new Date(secondsOf(state) * 1000).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
    return book.nameFor(place.base, `${time}_${id.slice(id.lastIndexOf('/') + 1)}.eml${ending}`);
  }
}

function secondsOf({ mtime }: { mtime: number }): number {
  return Math.floor(mtime / 1e6);
}

async function* tarFolder(folder: ExportedFolder, names: EmlNames, counter: Counter): AsyncGenerator<Uint8Array> {
  const { tarEntry } = await import('./tar.ts');
  const directory = names.directory(folder).join('/');
  const book = new NameBook();
  for await (const message of folder.read()) {
    const { content, ending } = plainMessage(message.content);
    yield* tarEntry(`${directory}/${names.file(message, ending, book)}`, content, secondsOf(message.state));
    counter.message(message.content.length);
  }
}

async function tarSink(counter: Counter, write: (bytes: Uint8Array) => void): Promise<Sink> {
  const { tarEnd } = await import('./tar.ts');
  const names = new EmlNames();
  return {
    async folder(folder) {
      for await (const piece of tarFolder(folder, names, counter)) write(piece);
    },
    end: () => write(tarEnd()),
  };
}

function directorySink(format: Exclude<ExportFormat, 'tar'>, counter: Counter, to: string): Sink {
  if (format === 'maildir') return maildirSink(counter, to);
  const names = new EmlNames();
  return {
    async folder(folder) {
      const [mailbox = '', name = ''] = names.directory(folder).map(toBytes);
      if (format === 'mbox') {
        makeFolder(join(to, mailbox));
        await writeMbox(folder, join(to, mailbox, `${name}.mbox`), counter);
        return;
      }
      const directory = join(to, mailbox, name);
      makeFolder(directory);
      const book = new NameBook();
      for await (const message of folder.read()) {
        const { content, ending } = plainMessage(message.content);
        writeNew(join(directory, names.file(message, ending, book)), content, secondsOf(message.state));
        counter.message(message.content.length);
      }
    },
    end() {},
  };
}

async function writeMbox(folder: ExportedFolder, path: string, counter: Counter): Promise<void> {
  const file = new NewFile(path);
  const waiting: { received: number; entry: Buffer }[] = [];
  try {
    for await (const message of folder.read()) {
      const { content, headers, ending } = plainMessage(message.content);
      if (ending !== '') {
        counter.unreadable(message, ending);
        continue;
      }
      const received = secondsOf(message.state);
      const entry = mboxEntry(content, headers, received);
      if (folder.bytes <= SORTED) waiting.push({ received, entry });
      else file.write(entry);
      counter.message(message.content.length);
    }
    waiting.sort((a, b) => a.received - b.received);
    for (const { entry } of waiting) file.write(entry);
  } finally {
    file.close();
  }
}

/** Maildirs as they lay in the store, below a directory for each mailbox. */
function maildirSink(counter: Counter, to: string): Sink {
  const names = new EmlNames();
  return {
    async folder(folder) {
      const [mailbox = ''] = names.directory(folder);
      // Levels of a view are directories; in a Maildir dots stand between them.
      const dir = folder.isView && folder.dir !== '' ? `.${folder.dir.replaceAll('/', '.')}` : folder.dir;
      const top = join(to, toBytes(mailbox)) + (dir === '' ? '' : `/${dir}`);
      for (const part of ['cur', 'new', 'tmp']) makeFolder(`${top}/${part}`);
      let keywords: Keywords = new Map();
      for await (const { place, state, content } of folder.read()) {
        const letters = folder.isView ? maildirFlags(flagsOfView(state.flags), keywords) : undefined;
        keywords = letters?.keywords ?? keywords;
        writeNew(`${top}/${state.in}/${place.base}${letters?.flagsPart ?? state.flags}`, content, secondsOf(state));
        counter.message(content.length);
      }
      if (keywords.size > 0) writeNew(`${top}/dovecot-keywords`, Buffer.from(formatKeywords(keywords)), 0);
    },
    end() {},
  };
}
