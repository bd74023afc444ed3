/** Flags of a message that both hosts have: whoever changed one is right. */

/** Said of a message that is about to go: never carried over, so that nobody expunges what others still want. */
const DELETED = '\\deleted';

/**
 * What has to be done to the flags of the serving host. Of a flag that both do not have alike exactly one of them has changed it since the
 * common state, so there is nothing to weigh; without a common state each flag that either has counts.
 */
export function mergeFlags(
  base: readonly string[] | undefined,
  ours: readonly string[],
  theirs: readonly string[],
): { add: string[]; remove: string[] } {
  const [was, our, their] = [base ?? [], ours, theirs].map((flags) => new Set(flags.map((flag) => flag.toLowerCase())));
  if (was === undefined || our === undefined || their === undefined) return { add: [], remove: [] };
  return {
    add: theirs.filter((flag) => {
      const name = flag.toLowerCase();
      return !our.has(name) && !was.has(name) && name !== DELETED;
    }),
    remove: ours.filter((flag) => {
      const name = flag.toLowerCase();
      return was.has(name) && !their.has(name);
    }),
  };
}

/** Flags of a message that comes to the serving host. */
export function newFlags(flags: readonly string[]): string[] {
  return flags.filter((flag) => flag.toLowerCase() !== DELETED);
}
