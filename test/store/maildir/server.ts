import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../src/errors/error.ts';
import type { ContentReader, LiveArea, ReadOutcome } from '../../../src/store/live.ts';
import { type CapturedMailbox, captureMailbox } from '../../../src/store/maildir/capture.ts';
import { parseUidlist } from '../../../src/store/maildir/uidlist.ts';
import { FileOpener } from '../../../src/store/reach.ts';
import { liveStat } from '../../../src/store/stat.ts';

/** Where a message lies: folder directory (`''` is INBOX), base name, flags with their colon, UID. */
export interface Place {
  dir: string;
  where: 'cur' | 'new';
  base: string;
  flags: string;
  uid: number;
}

/** Does to a Maildir what Dovecot does, file by file, so that a test can do it at a precise moment. */
export class Server {
  readonly root: string;
  /** Where control files lie. */
  readonly control: string;
  /** What readers stored, by hash. */
  readonly contents = new Map<string, string>();
  readonly next = new Map<string, number>();
  #made = 0;

  constructor(root: string, control = root) {
    this.root = root;
    this.control = control;
  }

  folder(dir: string): void {
    for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(this.root, dir, name), { recursive: true });
    mkdirSync(join(this.control, dir), { recursive: true });
    this.next.set(dir, 1);
    writeFileSync(this.uidlist(dir), `3 V${1000 + this.next.size} N1 G00000000000000000000000000000000\n`);
  }

  uidlist(dir: string): string {
    return join(this.control, dir, 'dovecot-uidlist');
  }

  path(place: Place): string {
    return join(this.root, place.dir, place.where, place.base + place.flags);
  }

  /** As LMTP leaves it when nobody looks: in `new`, without a UID. */
  deliver(dir: string): Place {
    const number = ++this.#made;
    const place: Place = { dir, where: 'new', base: `1790000000.M${number}P1.mx1`, flags: '', uid: 0 };
    writeFileSync(this.path(place), `Message-ID: <${number}@x>\n\n${number}\n`);
    return place;
  }

  append(dir: string, flags = ':2,'): Place {
    const place = this.deliver(dir);
    this.rename(place, 'cur', flags);
    this.give(place);
    return place;
  }

  /** Gives the next UID. */
  give(place: Place): void {
    place.uid = this.next.get(place.dir) ?? 1;
    this.next.set(place.dir, place.uid + 1);
    appendFileSync(this.uidlist(place.dir), `${place.uid} :${place.base}\n`);
  }

  rename(place: Place, where: 'cur' | 'new', flags: string): void {
    const from = this.path(place);
    [place.where, place.flags] = [where, flags];
    renameSync(from, this.path(place));
  }

  /** As Dovecot does it: a hard link under a new name. */
  copy(place: Place, dir: string): Place {
    const copy: Place = { dir, where: 'cur', base: `1790000000.M${++this.#made}P1.mx1`, flags: place.flags || ':2,', uid: 0 };
    linkSync(this.path(place), this.path(copy));
    this.give(copy);
    return copy;
  }

  expunge(place: Place): void {
    unlinkSync(this.path(place));
  }

  move(place: Place, dir: string): Place {
    const moved = this.copy(place, dir);
    this.expunge(place);
    return moved;
  }

  /** Writes the list anew, without what is gone. */
  compact(dir: string, places: readonly Place[]): void {
    const header = readFileSync(this.uidlist(dir), 'latin1').split(' N')[0] ?? '';
    const lines = places.filter((place) => place.dir === dir && place.uid !== 0).sort((a, b) => a.uid - b.uid);
    const text = `${header} N${this.next.get(dir) ?? 1} G00000000000000000000000000000000\n${lines.map(({ uid, base }) => `${uid} :${base}\n`).join('')}`;
    writeFileSync(`${this.uidlist(dir)}.lock`, text);
    renameSync(`${this.uidlist(dir)}.lock`, this.uidlist(dir));
  }

  removeFolder(dir: string): void {
    rmSync(join(this.root, dir), { recursive: true });
  }
}

function readOne(path: string, contents: Map<string, string>): ReadOutcome {
  const opener = new FileOpener();
  try {
    const fd = opener.open(path);
    try {
      const stat = liveStat(fstatSync(fd));
      const content = readFileSync(fd);
      const sha = createHash('sha256').update(content).digest('hex');
      contents.set(sha, content.toString('latin1'));
      return { stat: { ...stat, size: content.length }, parts: content.length === 0 ? [] : [{ sha, place: 0 }] };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { error: systemCode(error) ?? 'EIO' };
  } finally {
    opener.release();
  }
}

export interface Hooks {
  /** Called just before a file is read, with its path below the root of the mail. */
  beforeRead?: (path: string) => void;
  afterRead?: (path: string) => void;
  /** Called after a directory was stat-ed and before its names are read. */
  listing?: () => void;
}

export interface Captured extends CapturedMailbox {
  mail: LiveArea;
  /** Message bases by folder directory. */
  bases: Map<string, string[]>;
  /** UIDs by base name, from the uidlist that was kept. */
  uids: (dir: string) => ReadonlyMap<string, number>;
  /** The content of a file of the control area that was kept. */
  kept: (path: string) => string;
  /** Times that directories were looked at or listed. */
  looks: number;
}

/** Captures a server's mailbox, with something done to it at precise moments. */
export async function capture(server: Server, hooks: Hooks = {}, prior?: LiveArea, settle = 3e6): Promise<Captured> {
  const { contents } = server;
  let looks = 0;
  const read: ContentReader = (requests) =>
    Promise.resolve(
      requests.map(({ path }): ReadOutcome => {
        const below = path.replace(`${server.root}/`, '').replace(`${server.control}/`, '');
        hooks.beforeRead?.(below);
        const outcome = readOne(path, contents);
        hooks.afterRead?.(below);
        return outcome;
      }),
    );
  const apart = server.control !== server.root;
  const result = await captureMailbox({
    areas: [
      { area: 'mail', root: server.root, prior },
      ...(apart ? [{ area: 'control' as const, root: server.control, prior: undefined }] : []),
    ],
    deep: false,
    settle,
    now: () => {
      looks++;
      hooks.listing?.();
      return Date.now() * 1000;
    },
    lost: () => false,
    read,
  });
  const mail = result.areas.get('mail') ?? { dirs: new Map() };
  const control = result.areas.get(apart ? 'control' : 'mail') ?? mail;
  const kept = (path: string): string => {
    const slash = path.lastIndexOf('/');
    const file = control.dirs.get(slash < 0 ? '' : path.slice(0, slash))?.files.get(path.slice(slash + 1));
    return (file?.parts ?? []).map((part: { sha: string }) => contents.get(part.sha) ?? '').join('');
  };
  return {
    ...result,
    mail,
    bases: new Map(Array.from(mail.dirs, ([dir, { messages }]) => [dir, [...messages.keys()].toSorted((a, b) => (a < b ? -1 : 1))])),
    uids: (dir) => parseUidlist(Buffer.from(kept(dir === '' ? 'dovecot-uidlist' : `${dir}/dovecot-uidlist`), 'latin1'))?.uids ?? new Map(),
    kept,
    looks,
  };
}
