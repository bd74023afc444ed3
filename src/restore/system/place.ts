/** Where the areas of the server come to lie in a restore of it alone. */
import type { FullDir, FullSection } from '../../repository/catalog/model.ts';
import { RESERVED } from '../../store/system/types.ts';

/** Queues whose messages Postfix would deliver at once. */
const GOING_OUT = new Set(['incoming', 'active', 'deferred']);
/** Messages that were on hold already: somebody wanted them there. */
export const HELD_BEFORE = 'held-before';

/** Files by their paths right below the directory; the rest below `mailrecover`, the queue on hold. */
export function placeSystem(section: FullSection): FullSection {
  if (section.area === 'files') return { ...section, root: '' };
  const placed = { ...section, root: `${RESERVED}/${section.area}` };
  return section.area === 'queue' ? { ...placed, dirs: onHold(section.dirs) } : placed;
}

/** `<instance>/deferred/A/<id>` becomes `<instance>/hold/<id>`; what was in `hold` goes to `held-before`. */
function onHold(dirs: ReadonlyMap<string, FullDir>): Map<string, FullDir> {
  const held = new Map<string, FullDir>();
  for (const [path, dir] of dirs) {
    const [instance = '', queue = ''] = path.split('/');
    const to = GOING_OUT.has(queue) ? 'hold' : queue === 'hold' ? HELD_BEFORE : undefined;
    if (to === undefined) {
      held.set(path, dir);
      continue;
    }
    if (dir.files.size === 0) continue;
    const name = `${instance}/${to}`;
    const known = held.get(name) ?? { ...dir, files: new Map(), links: new Map(), messages: new Map() };
    for (const [id, file] of dir.files) known.files.set(id, file);
    held.set(name, known);
  }
  return held;
}
