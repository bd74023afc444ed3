/** What `init` looks at before it says that all is well: whose the mail is, and on which disk the backups will lie. */
import { lstatSync } from 'node:fs';
import { storeMailboxes } from '../../backup/mailboxes.ts';
import { diskStores, sourceOf } from '../from-config.ts';
import { sharedDisk } from '../../backup/status/uncovered.ts';
import type { Finding } from '../../errors/finding.ts';
import { fsPath } from '../../store/bytes.ts';
import { parseLocation } from '../../repository/targets/location.ts';
import { userName } from '../../system/owners.ts';
import type { Store } from './stores.ts';

export interface Places {
  configDirectory: string;
  repository: string;
  state: string;
}

export interface Advice {
  says: string[];
  findings: Finding[];
  /** What to type so that backups need not run as root. */
  privilege: string[];
}

/** The repository as a directory of this host, where it is one. */
function directoryOf(repository: string): string | undefined {
  const location = parseLocation(repository);
  return location.kind === 'local' ? location.path : undefined;
}

/** Looks at the mailboxes that the stores find. */
export async function adviceFor(stores: readonly Store[], places: Places, signal: AbortSignal): Promise<Advice> {
  const advice: Advice = { says: [], findings: [], privilege: [] };
  const directory = directoryOf(places.repository);
  const owners = new Set<number>();
  for (const store of diskStores(stores)) {
    const { mailboxes, findings } = await storeMailboxes(sourceOf(store), '', signal);
    advice.findings.push(...findings.map((finding): Finding => ({ ...finding, severity: 'warning' })));
    advice.says.push(
      `store '${store.name}' finds ${mailboxes.length} ${mailboxes.length === 1 ? 'mailbox' : 'mailboxes'} by ${store.path}`,
    );
    if (mailboxes.length === 0)
      advice.findings.push({
        severity: 'warning',
        code: 'no-mailbox',
        message: `no mailbox was found by '${store.path}'`,
        hint: "compare it with where mail lies: 'doveadm user USER' tells",
        subject: store.path,
      });
    for (const { areas } of mailboxes) {
      const path = areas[0]?.path;
      if (path !== undefined) owners.add(lstatSync(fsPath(path)).uid);
    }
    if (sharedDisk(directory, [store]).length > 0)
      advice.findings.push({
        severity: 'warning',
        code: 'same-disk',
        message: `the repository '${places.repository}' lies on the same file system as the mail of store '${store.name}': what destroys the one destroys the other`,
        hint: 'put it on another disk, best on another host, or copy it there after each backup',
        subject: places.repository,
      });
  }
  advice.privilege = privilegeFor(owners, places);
  return advice;
}

function privilegeFor(owners: ReadonlySet<number>, { configDirectory, repository, state }: Places): string[] {
  const [only] = owners;
  const written = [configDirectory, directoryOf(repository), state].filter((path) => path !== undefined).join(' ');
  if (process.geteuid?.() !== 0 || only === undefined || (owners.size === 1 && only === 0)) return [];
  if (owners.size === 1) {
    const user = userName(only);
    return [
      `All mail belongs to '${user}', so backups need not run as root. Give that user what they write, once:`,
      `  mkdir -p ${state} && chown -R ${user}: ${written}`,
      `and run them as it:`,
      `  runuser -u ${user} -- mailrecover backup`,
    ];
  }
  return [
    `Mail belongs to ${owners.size} users. Backups need to read all of it, not to be root: a user of their own with one capability is enough:`,
    `  useradd --system mailrecover; chown -R mailrecover: ${written}`,
    '  setpriv --reuid mailrecover --regid mailrecover --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search mailrecover backup',
  ];
}
