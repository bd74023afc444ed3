import type { Finding } from '../errors/finding.ts';
import type { Source } from '../restore/look/source.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { identitiesOf, placeOf, type Place } from './from-config.ts';
import type { CommandContext } from './types.ts';

export interface ReadingOptions {
  repository: string | undefined;
  host: string | undefined;
  identity: readonly string[];
}

/** Opens a snapshot to look into it. */
export async function openSource(
  context: CommandContext,
  snapshotText: string,
  options: ReadingOptions,
): Promise<{ place: Place; source: Source; findings: Finding[] }> {
  const place = await placeOf(context, options);
  const { openRepository } = await import('../repository/repository.ts');
  const repository = await openRepository(place.target);
  const identities = await identitiesOf(context, place, repository, options.identity);
  const { snapshot, findings } = await chooseSnapshot(place, snapshotText);
  return { place, source: { repository, snapshot, identities, layoutOf: place.layoutOf }, findings };
}
