/** Who will own what is restored. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { groupId, userId } from '../system/owners.ts';

export interface OwnerMap {
  /** Number of a user of the snapshot on this host; undefined leaves files with whoever runs the restore. */
  user(name: string): number | undefined;
  group(name: string): number | undefined;
  findings: Finding[];
}

/**
 * Maps owners by name. Without root nothing can be given away, so all stays with the user who runs the restore.
 * @param renamed other names for owners, from `--map-owner OLD:NEW`
 * @throws MailrecoverError `not-found` where nobody here has such a name: better before the restore than after it
 */
export function ownerMap(renamed: ReadonlyMap<string, string>, isRoot: boolean): OwnerMap {
  for (const name of isRoot ? renamed.values() : []) {
    if (userId(name) !== undefined || groupId(name) !== undefined) continue;
    throw new MailrecoverError('not-found', `there is no user or group '${name}' on this host`, {
      hint: 'make it, or name another with --map-owner; nothing was changed',
      subject: name,
    });
  }
  const findings: Finding[] = [];
  const missing = new Set<string>();
  const lookup = (kind: 'user' | 'group', find: (name: string) => number | undefined): ((name: string) => number | undefined) => {
    const known = new Map<string, number | undefined>();
    return (name) => {
      if (!isRoot || name === '') return undefined;
      if (known.has(name)) return known.get(name);
      const id = find(renamed.get(name) ?? name);
      known.set(name, id);
      if (id === undefined && !missing.has(`${kind} ${name}`)) {
        missing.add(`${kind} ${name}`);
        findings.push({
          severity: 'warning',
          code: 'owner-unknown',
          message: `there is no ${kind} '${renamed.get(name) ?? name}' on this host, so what belonged to it belongs to root`,
          hint: `make it, or name another: --map-owner '${name}:NAME'`,
          subject: name,
        });
      }
      return id;
    };
  };
  return { user: lookup('user', userId), group: lookup('group', groupId), findings };
}
