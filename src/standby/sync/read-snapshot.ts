/** Reading mailboxes out of a snapshot, for a standby whose active host is dead. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { FullSection, Part } from '../../repository/catalog/model.ts';
import { OpenPacks } from '../../restore/look/packs.ts';
import { isLoss, readEntry, stateOf, type Source as Snapshot } from '../../restore/look/source.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { mailboxFilter } from '../../store/mailbox-filter.ts';
import {
  messageKey,
  stagedKey,
  SYNCED_AREAS,
  type Held,
  type MailboxCut,
  type MessageCut,
  type OwnedMailbox,
  type Piece,
  type Source,
  type SyncedArea,
} from './model.ts';

type Take = (piece: Piece, content: Uint8Array) => Promise<void>;

function isSynced(area: string): area is SyncedArea {
  return (SYNCED_AREAS as readonly string[]).includes(area);
}

/** @param names of mailboxes, as people write them; all where there are none */
export function snapshotSource(snapshot: Snapshot, names: readonly string[]): Source {
  return {
    async mailboxes() {
      const isWanted = mailboxFilter(names);
      const mailboxes: OwnedMailbox[] = [];
      const findings: Finding[] = [];
      for await (const section of (await stateOf(snapshot)).sections) {
        const { store, mailbox, area } = section;
        if (!isWanted(mailbox)) continue;
        const own = section.dirs.get('')?.own;
        if (area === 'mail' && own !== undefined) mailboxes.push({ store, mailbox, owner: ownerOf(own) });
        if (area === 'view') findings.push(notMaildir(mailbox));
      }
      const odd = new Set(findings.map(({ subject }) => subject));
      return { mailboxes: mailboxes.filter(({ mailbox }) => !odd.has(displayBytes(mailbox))), findings };
    },
    // A snapshot does not say who can log in.
    accounts: async () => undefined,
    accepted: async () => undefined,
    acceptedTaken: async () => undefined,
    common: async () => undefined,
    dsync: () => Promise.reject(new MailrecoverError('bug', 'Dovecot was to copy out of a snapshot')),
    read: async (name, held, take, { contents }) => {
      const { sections, numbering } = await stateOf(snapshot, [name]);
      const reader = new Reader(snapshot, numbering, held, contents ? take : undefined);
      let root: FullSection | undefined;
      const kept: [SyncedArea, FullSection][] = [];
      for await (const section of sections) {
        if (section.store !== name.store || !isSynced(section.area)) continue;
        kept.push([section.area, section]);
        if (section.area === 'mail') root = section;
      }
      const own = root?.dirs.get('')?.own;
      if (own === undefined) return 'gone';
      const { store, mailbox } = name;
      const cut: MailboxCut = {
        store,
        mailbox,
        at: snapshot.snapshot.time,
        owner: ownerOf(own),
        dirs: [],
        files: [],
        links: [],
        messages: [],
      };
      cut.snapshot = snapshot.snapshot.id;
      for (const [area, section] of kept) await reader.add(cut, area, section);
      return { cut, findings: reader.findings };
    },
  };
}

function ownerOf({ user, group, mode }: { user: string; group: string; mode: number }): OwnedMailbox['owner'] {
  return { user, group, mode };
}

function notMaildir(mailbox: ByteString): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'not-synced',
    message: `mailbox '${subject}' is no Maildir in the snapshot: from the repository only Maildirs are brought to the standby; it stays as the last synchronisation left it`,
    hint: `once this host serves, put back what it lacks: mailrecover restore latest --mailbox '${subject}'`,
    subject,
  };
}

class Reader {
  readonly findings: Finding[] = [];
  readonly #snapshot: Snapshot;
  readonly #numbering: PackNumbering;
  readonly #packs: OpenPacks;
  readonly #take: Take | undefined;
  readonly #messages: ReadonlyMap<string, readonly [number, number]>;
  readonly #staged: ReadonlyMap<string, readonly [number, number]>;
  readonly #files: Set<string>;

  constructor(snapshot: Snapshot, numbering: PackNumbering, held: Held, take: Take | undefined) {
    [this.#snapshot, this.#numbering, this.#take] = [snapshot, numbering, take];
    this.#packs = new OpenPacks(snapshot);
    this.#messages = new Map(held.messages.map(([key, size, mtime]) => [key, [size, mtime]]));
    this.#staged = new Map(held.staged.map(([key, size, mtime]) => [key, [size, mtime]]));
    this.#files = new Set(held.files);
  }

  async add(cut: MailboxCut, area: SyncedArea, section: FullSection): Promise<void> {
    const wanted: (Part & { message: MessageCut })[] = [];
    for (const [path, { own, files, links, messages }] of section.dirs) {
      const below = (name: ByteString): ByteString => (path === '' ? name : `${path}/${name}`);
      if (path !== '') cut.dirs.push({ area, path, mode: own.mode });
      for (const [name, link] of links) cut.links.push({ area, path: below(name), to: link.to });
      for (const [name, { mode, mtime, parts }] of files) {
        const sha = await this.#file(below(name), mtime, parts);
        if (sha !== undefined) cut.files.push({ area, path: below(name), mode, mtime, sha });
      }
      for (const [base, { in: where, flags, size, mtime, sha, pack }] of messages) {
        const message: MessageCut = { dir: path, base, in: where, flags, size, mtime };
        cut.messages.push(message);
        if (!this.#has(message)) wanted.push({ sha, pack, message });
      }
    }
    const lost = await this.#fetch(cut, wanted);
    if (lost.size > 0) cut.messages = cut.messages.filter((message) => !lost.has(message));
  }

  #has({ dir, base, size, mtime }: MessageCut): boolean {
    const key = messageKey(dir, base);
    const [heldSize, heldTime] = this.#messages.get(key) ?? this.#staged.get(stagedKey(key)) ?? [];
    return heldSize === size && heldTime === mtime;
  }

  /** Hands messages on, pack by pack. @returns those that can't be had */
  async #fetch(cut: MailboxCut, wanted: readonly (Part & { message: MessageCut })[]): Promise<Set<MessageCut>> {
    const lost = new Set<MessageCut>();
    if (this.#take === undefined) return lost;
    for (const [number, ofPack] of Map.groupBy(wanted, ({ pack }) => pack)) {
      const pack = this.#numbering.names[number] ?? '';
      for (const { sha, message } of await this.#packs.inOrder(pack, ofPack)) {
        const content = (await this.#packs.content(pack, sha)) ?? (await this.#elsewhere({ sha, pack: number }));
        if (content === undefined) {
          lost.add(message);
          this.#tell(displayBytes(cut.mailbox), sha);
        } else await this.#take({ key: messageKey(message.dir, message.base), mtime: message.mtime, sha }, content);
      }
    }
    return lost;
  }

  async #elsewhere(part: Part): Promise<Buffer | undefined> {
    try {
      return await readEntry(this.#snapshot, this.#numbering, part);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return undefined;
    }
  }

  /** Hands a file on, where it is needed. @returns its SHA-256; undefined where it can't be had */
  async #file(path: ByteString, mtime: number, parts: readonly Part[]): Promise<string | undefined> {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && (this.#files.has(only.sha) || this.#take === undefined)) return only.sha;
    const pieces: Buffer[] = [];
    for (const part of parts) {
      const piece = await this.#elsewhere(part);
      if (piece === undefined) {
        this.#tell(displayBytes(path), part.sha);
        return undefined;
      }
      pieces.push(piece);
    }
    const content = Buffer.concat(pieces);
    const sha = createHash('sha256').update(content).digest('hex');
    if (this.#take !== undefined && !this.#files.has(sha)) await this.#take({ key: sha, mtime, sha }, content);
    this.#files.add(sha);
    return sha;
  }

  #tell(what: string, sha: string): void {
    this.findings.push({
      severity: 'error',
      code: 'damage',
      message: `'${what}': the bytes of entry ${sha.slice(0, 16)}… are missing from the repository or damaged`,
      hint: "see all that is damaged: 'mailrecover check --read-data'",
      subject: what,
    });
  }
}
