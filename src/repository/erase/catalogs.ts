/** Writing catalogs anew without a mailbox, and with packs as they are now. */
import type { Identity, Recipient } from '../age/keys.ts';
import { PackNumbering } from '../catalog/decode.ts';
import { isFullMessage, type Dir, type Section } from '../catalog/model.ts';
import { openCatalog } from '../catalog/reader.ts';
import { CatalogWriter } from '../catalog/writer.ts';
import { objectPath } from '../names.ts';
import type { ObjectRef } from '../snapshot/text.ts';
import type { Target } from '../target.ts';
import { isOf } from './contents.ts';
import type { Rewritten } from './packs.ts';

export interface CatalogOptions {
  target: Target;
  mailboxes: ReadonlySet<string>;
  rewritten: Rewritten;
  identities: readonly Identity[] | undefined;
  recipients: readonly Recipient[] | undefined;
}

/** Gives messages and parts the packs that they lie in now. */
function movePacks(section: Section, numbering: PackNumbering, { placeOf, changes }: Rewritten): void {
  const placed = (sha: string, pack: number): number => {
    const place = changes.has(numbering.names[pack] ?? '') ? placeOf.get(sha) : undefined;
    return place === undefined ? pack : numbering.numberOf(place);
  };
  for (const dir of section.dirs.values()) moveDir(dir, placed, numbering, changes);
}

function moveDir(dir: Dir, placed: (sha: string, pack: number) => number, numbering: PackNumbering, changes: Rewritten['changes']): void {
  for (const file of dir.files.values()) for (const part of file?.parts ?? []) part.pack = placed(part.sha, part.pack);
  for (const message of dir.messages.values()) {
    if (message === null) continue;
    if (isFullMessage(message)) {
      message.pack = placed(message.sha, message.pack);
      for (const part of message.rest ?? []) part.pack = placed(part.sha, part.pack);
    } else if (message.pack !== undefined) {
      // It says no more than that the bytes lie in another pack now. Of several new ones any will do: a reader looks into the others, too.
      const [first] = changes.get(numbering.names[message.pack] ?? '')?.packs ?? [];
      if (first !== undefined) message.pack = numbering.numberOf(first);
    }
  }
}

/** Writes one catalog anew. @returns its name and size; undefined for a delta of which nothing is left */
export async function rewriteCatalog(name: string, options: CatalogOptions): Promise<ObjectRef | undefined> {
  const { target, mailboxes, rewritten, identities, recipients } = options;
  const numbering = new PackNumbering();
  const catalog = await openCatalog(target, name, identities, numbering);
  const writer = new CatalogWriter({ kind: catalog.kind, recipients, packName: (pack) => numbering.names[pack] ?? '' });
  let sections = 0;
  for await (const section of catalog.sections()) {
    if (isOf(section, mailboxes)) continue;
    movePacks(section, numbering, rewritten);
    writer.add(section);
    sections++;
  }
  if (sections === 0 && catalog.kind === 'delta') return undefined;
  const built = writer.finish();
  await target.put(objectPath('catalog', built.name), built.bytes);
  return { name: built.name, size: built.bytes.length };
}
