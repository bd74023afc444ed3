/** A snapshot to look into, and the bytes of what lies in it. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Identity } from '../../repository/age/keys.ts';
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { FileState, FullDir } from '../../repository/catalog/model.ts';
import { readState, type SnapshotState, type Wanted } from '../../repository/catalog/reader.ts';
import { objectPath } from '../../repository/names.ts';
import { readEntries, readPackTable } from '../../repository/pack/reader.ts';
import type { Repository, StoredSnapshot } from '../../repository/repository.ts';
import { parseKeywords, type Keywords } from '../../store/maildir/keywords.ts';
import type { LayoutOf } from './folders.ts';

export interface Source {
  repository: Repository;
  snapshot: StoredSnapshot;
  /** undefined where the repository is not encrypted. */
  identities: readonly Identity[] | undefined;
  layoutOf: LayoutOf;
}

/** The state of the snapshot, or the part of it that is wanted. */
export function stateOf({ repository, snapshot, identities }: Source, wanted?: Wanted): Promise<SnapshotState> {
  return readState(
    repository.target,
    snapshot.catalogs.map(({ name }) => name),
    identities,
    wanted,
  );
}

/** Whether an error says that something stored is lost, rather than that nothing can be read at all. */
export function isLoss(error: unknown): boolean {
  return error instanceof MailrecoverError && ['damage', 'not-found', 'io'].includes(error.code);
}

/**
 * The bytes of one entry; where its pack no longer has it, from another pack of the snapshot.
 * @throws MailrecoverError `damage` where it can't be had
 */
export async function readEntry(source: Source, numbering: PackNumbering, part: { sha: string; pack: number }): Promise<Buffer> {
  const { repository, snapshot, identities } = source;
  const wanted = new Set([part.sha]);
  const name = numbering.names[part.pack];
  const others = snapshot.packs.map((pack) => pack.name).filter((other) => other !== name);
  let problem: unknown;
  for (const pack of name === undefined ? others : [name, ...others]) {
    const path = objectPath('pack', pack);
    try {
      // The first is where it should be; of the others only the tables are read to look for it.
      if (pack !== name && !(await readPackTable(repository.target, path, identities)).entries.some(({ sha }) => sha === part.sha))
        continue;
      const content = (await readEntries(repository.target, path, identities, wanted)).get(part.sha);
      if (content !== undefined) return content;
    } catch (error) {
      if (!isLoss(error)) throw error;
      problem ??= error;
    }
  }
  throw new MailrecoverError('damage', `the bytes of entry ${part.sha.slice(0, 16)} are missing from the repository or damaged`, {
    hint: "see all that is damaged: 'mailrecover check --read-data'",
    subject: part.sha,
    cause: problem,
  });
}

/** The content of a small file of the snapshot; undefined where it can't be had. */
async function readSmallFile(source: Source, numbering: PackNumbering, file: FileState | undefined): Promise<Buffer | undefined> {
  if (file === undefined || file.size > 1024 * 1024) return undefined;
  try {
    return Buffer.concat(await Promise.all(file.parts.map((part) => readEntry(source, numbering, part))));
  } catch (error) {
    if (!isLoss(error)) throw error;
    return undefined;
  }
}

/** Names of the keywords of a folder; none where they can't be had. @param dirs its directories in the mail and the control area */
export async function keywordsOf(source: Source, numbering: PackNumbering, dirs: readonly (FullDir | undefined)[]): Promise<Keywords> {
  for (const dir of dirs) {
    const content = await readSmallFile(source, numbering, dir?.files.get('dovecot-keywords'));
    if (content !== undefined) return parseKeywords(content);
  }
  return new Map();
}
