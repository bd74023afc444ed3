/** Which snapshots hold a mailbox: told by their catalogs, so with an identity alone. */
import type { Identity } from '../age/keys.ts';
import { PackNumbering } from '../catalog/decode.ts';
import { toBinary } from '../catalog/percent.ts';
import { openCatalog } from '../catalog/reader.ts';
import { listSnapshots, type Repository } from '../repository.ts';
import { unsealMailbox } from './decisions.ts';

/**
 * Ids of the snapshots in which a mailbox that is held appears at all.
 * @throws MailrecoverError `key`, `damage`
 */
export async function snapshotsWith(
  { target }: Repository,
  holds: readonly { id: string; sealed: string | undefined }[],
  identities: readonly Identity[] | undefined,
): Promise<Set<string>> {
  const wanted = holds.flatMap(({ id, sealed }) =>
    sealed === undefined ? [] : [{ mailbox: toBinary(unsealMailbox(sealed, identities, id)) }],
  );
  const known = new Map<string, boolean>();
  const holding = new Set<string>();
  for (const { id, catalogs } of (await listSnapshots(target)).snapshots) {
    for (const { name } of catalogs) {
      let holds = known.get(name);
      if (holds === undefined) {
        holds = false;
        for await (const section of (await openCatalog(target, name, identities, new PackNumbering())).sections(wanted))
          holds ||= section.gone !== true || section.reset === true;
        known.set(name, holds);
      }
      if (holds) holding.add(id);
    }
  }
  return holding;
}
