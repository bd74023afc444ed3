/** Whether what a search was narrowed to is there at all: else "nothing was found" would mislead. */
import { MailrecoverError } from '../../../errors/error.ts';
import { suggest } from '../../../errors/suggest.ts';
import { listSnapshotRefs, readSnapshot } from '../../../repository/repository.ts';
import type { Selection } from '../../select.ts';
import { unfittedIn } from '../../unfitted.ts';
import type { Source } from '../source.ts';
import type { FindFilter, SearchResult } from './search.ts';

type Where = Omit<Source, 'snapshot'>;

/**
 * @param filter what was asked for
 * @throws MailrecoverError `not-found` for a host, mailbox or folder that no snapshot knows, and where there is no snapshot
 */
export async function checkNames(
  where: Where,
  filter: Pick<FindFilter, 'host' | 'mailboxes'>,
  { hosts, unknown }: Pick<SearchResult, 'hosts' | 'unknown'>,
): Promise<void> {
  if (hosts.length === 0)
    throw new MailrecoverError('not-found', 'the repository holds no snapshot', { hint: "make one: 'mailrecover backup'" });
  if (filter.host !== undefined && !hosts.includes(filter.host)) {
    throw new MailrecoverError('not-found', `there is no snapshot of host '${filter.host}', only of: ${hosts.join(', ')}`, {
      hint: `name the host with --host ${suggest(filter.host, hosts) ?? hosts[0] ?? ''}`,
      subject: filter.host,
    });
  }
  if (unknown.names.length > 0) {
    const { mailboxes } = await neverThere(where, { mailboxes: unknown.names });
    if (mailboxes.length > 0) throw notThere('mailbox', mailboxes, unknown.mailboxes);
  }
  if (unknown.folders.length > 0) {
    const mailboxes = filter.mailboxes ?? [];
    const { folders } = await neverThere(where, { folders: unknown.folders, ...(mailboxes.length === 0 ? {} : { mailboxes }) });
    if (folders.length > 0) throw notThere('folder', folders, unknown.known);
  }
}

function notThere(what: 'mailbox' | 'folder', names: readonly string[], known: readonly string[]): MailrecoverError {
  const [first = ''] = names;
  const isPattern = what === 'mailbox' && names.some((name) => name.includes('*'));
  const meant = isPattern ? undefined : suggest(first, known);
  const list = what === 'mailbox' ? 'mailrecover ls latest' : 'mailrecover ls latest MAILBOX';
  const quoted = names.map((name) => `'${name}'`).join(', ');
  const message = isPattern ? `no snapshot holds a ${what} that fits ${quoted}` : `no snapshot holds a ${what} ${quoted}`;
  return new MailrecoverError('not-found', message, {
    hint: meant === undefined ? `list those of the newest snapshot: '${list}'` : `did you mean '${meant}'?`,
    subject: first,
  });
}

/** What never held a message is not in the index; the newest snapshot of each host knows it. */
async function neverThere(where: Where, selection: Selection): Promise<Required<Omit<Selection, 'part'>>> {
  const newest = Map.groupBy(await listSnapshotRefs(where.repository.target), ({ fingerprint }) => fingerprint);
  let left: Required<Omit<Selection, 'part'>> = { mailboxes: [], folders: [], messages: [], ...selection };
  for (const refs of newest.values()) {
    const ref = refs.reduce((last, next) => (next.sequence > last.sequence ? next : last));
    const snapshot = await readSnapshot(where.repository.target, ref).catch(() => undefined);
    if (snapshot === undefined) continue;
    const missing = (await unfittedIn({ ...where, snapshot }, selection)).left;
    left = {
      mailboxes: left.mailboxes.filter((name) => missing.mailboxes.includes(name)),
      folders: left.folders.filter((name) => missing.folders.includes(name)),
      messages: [],
    };
  }
  return left;
}
