import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { Repository } from '../repository/repository.ts';
import { findMessages } from '../restore/look/find/find.ts';
import type { FindFilter, SearchResult } from '../restore/look/find/search.ts';
import { checkSelection } from '../restore/unfitted.ts';
import { isMessageId } from './message-id.ts';
import type { Source } from '../restore/look/source.ts';
import { userCache } from '../system/private-cache.ts';
import { threadsOf, type Place } from './from-config.ts';
import type { CommandContext } from './types.ts';

export interface Searching {
  context: CommandContext;
  place: Place;
  findings: Finding[];
}

/** Searches the index of headers, which lies in the local state or, where this user can not write there, in the user's own cache. */
export async function search(
  { context, place, findings }: Searching,
  repository: Repository,
  identities: readonly Identity[] | undefined,
  filter: FindFilter,
): Promise<SearchResult> {
  const { progress, signal } = context;
  const threads = Math.min(4, await threadsOf(place.config));
  const own = userCache();
  const roots = own === undefined ? [place.state] : [place.state, own];
  return findMessages({ repository, identities, roots, threads, progress, signal, findings }, filter, place.layoutOf);
}

/** Where messages are looked for: mailboxes and folders as they were named; everywhere where none were. */
export interface Within {
  mailboxes?: readonly string[];
  folders?: readonly string[];
}

/** What messages a command line means: a Message-ID in angle brackets becomes the id of its message. */
export async function plainIds(searching: Searching & { source: Source }, ids: readonly string[], within: Within = {}): Promise<string[]> {
  const plain: string[] = [];
  for (const id of ids) plain.push(isMessageId(id) ? await messageOfId(searching, id, within) : id);
  return plain;
}

/** The id of the message with a Message-ID in a snapshot. @throws MailrecoverError `not-found`, `ambiguous` */
async function messageOfId(
  searching: Searching & { source: Source },
  messageId: string,
  { mailboxes = [], folders = [] }: Within,
): Promise<string> {
  const { repository, identities, snapshot } = searching.source;
  await checkSelection(searching.source, { mailboxes, ...(folders.length === 0 ? {} : { folders }) });
  const { matches } = await search(searching, repository, identities, { messageId, snapshot: snapshot.id, mailboxes, folders, limit: 0 });
  const [first] = matches;
  if (first === undefined) {
    const there = mailboxes.length + folders.length === 0 ? '' : ` in ${[...mailboxes, ...folders].map((name) => `'${name}'`).join(', ')}`;
    throw new MailrecoverError('not-found', `the snapshot holds no message '${messageId}'${there}`, {
      hint: `look for it in all snapshots: mailrecover find --message-id '${messageId}'`,
      subject: messageId,
    });
  }
  const bytesOf = (message: string): string => message.slice(message.lastIndexOf('/') + 1).split('-', 1)[0] ?? '';
  const different = new Map(matches.map(({ message }) => [bytesOf(message), message]));
  if (different.size > 1) {
    throw new MailrecoverError(
      'ambiguous',
      `${different.size} different messages have the Message-ID ${messageId}: ${[...different.values()].slice(0, 5).join(', ')}`,
      {
        hint: 'name one of them in full',
        subject: messageId,
      },
    );
  }
  return first.message;
}
