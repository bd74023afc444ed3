/** What catalogs say, read for taking a mailbox out: which of them speak of it, and which entries all else needs. */
import type { Identity } from '../age/keys.ts';
import { PackNumbering } from '../catalog/decode.ts';
import { isFullMessage, type Section } from '../catalog/model.ts';
import { fromBinary } from '../catalog/percent.ts';
import { openCatalog } from '../catalog/reader.ts';
import { EntrySet } from '../check/content.ts';
import type { Target } from '../target.ts';

export interface Contents {
  /** Catalogs, by file name, that speak of the mailboxes. */
  speaking: Set<string>;
  /** Entries that something else needs. */
  needed: EntrySet;
  /** Entries of the mailboxes, with their sizes where those are known; others may have them as well. */
  entries: Map<string, number | undefined>;
  /** Packs that each catalog names, by file name. */
  packs: Map<string, string[]>;
}

/** Whether a section is of one of the mailboxes, in any store. */
export function isOf(section: Pick<Section, 'mailbox'>, mailboxes: ReadonlySet<string>): boolean {
  return mailboxes.has(fromBinary(section.mailbox));
}

/** Calls back for every entry that a section names. */
export function eachEntry(section: Section, visit: (sha: string, size: number | undefined) => void): void {
  for (const dir of section.dirs.values()) {
    for (const message of dir.messages.values()) {
      if (message === null || !isFullMessage(message)) continue;
      visit(message.sha, message.rest === undefined ? message.size : undefined);
      for (const { sha } of message.rest ?? []) visit(sha, undefined);
    }
    for (const file of dir.files.values())
      for (const { sha } of file?.parts ?? []) visit(sha, file?.parts.length === 1 ? file.size : undefined);
  }
}

/**
 * Reads catalogs.
 * @param foreign those from which nothing can be taken out: all that they name is needed
 * @throws MailrecoverError `key`, `damage`
 */
export async function readContents(
  target: Target,
  names: Iterable<string>,
  options: {
    mailboxes: ReadonlySet<string>;
    foreign: ReadonlySet<string>;
    identities: readonly Identity[] | undefined;
    signal?: AbortSignal;
  },
): Promise<Contents> {
  const contents: Contents = { speaking: new Set(), needed: new EntrySet(), entries: new Map(), packs: new Map() };
  for (const name of names) {
    options.signal?.throwIfAborted();
    const numbering = new PackNumbering();
    const catalog = await openCatalog(target, name, options.identities, numbering);
    for await (const section of catalog.sections()) {
      const isMine = isOf(section, options.mailboxes);
      if (isMine) contents.speaking.add(name);
      if (isMine && !options.foreign.has(name))
        eachEntry(section, (sha, size) => contents.entries.set(sha, size ?? contents.entries.get(sha)));
      else eachEntry(section, (sha) => contents.needed.add(sha));
    }
    contents.packs.set(name, numbering.names);
  }
  return contents;
}
