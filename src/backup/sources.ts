/** The mailboxes of one run, from the stores and from what the backup before knew. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { suggest } from '../errors/suggest.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import { displayBytes } from '../store/bytes.ts';
import { mailboxFilter } from '../store/mailbox-filter.ts';
import type { SystemSource } from '../store/system/capture.ts';
import { SYSTEM } from '../store/system/types.ts';
import { storeMailboxes, systemMailbox, type SourceMailbox, type StoreSource } from './mailboxes.ts';
import { mailboxKey, type MailboxState, type StateIndex } from './state/state.ts';

export interface SourceOptions {
  stores: readonly StoreSource[];
  /** What is backed up of the server beside its mail. */
  system?: SystemSource | undefined;
  /** Only these mailboxes are looked at; the others stay as the snapshot before had them. */
  mailboxes?: readonly string[] | undefined;
  signal?: AbortSignal;
}

/** What the state says of a mailbox that is not asked for: whether it must be looked at all the same. */
export type MustRead = (state: MailboxState) => boolean;

/**
 * All mailboxes that a run looks at (with where they lie) or carries over as they were (undefined), by key, in the order of catalogs.
 * @throws MailrecoverError `refused` where a store shows nothing any more, `not-found` where nothing is there at all
 */
export async function findSources(
  options: SourceOptions,
  index: StateIndex,
  mustRead: MustRead,
  findings: Finding[],
): Promise<Map<string, SourceMailbox | undefined>> {
  const sources = new Map<string, SourceMailbox | undefined>();
  const known = Map.groupBy(index.mailboxes, (state) => state.store);
  const all = new Set<string>();
  const only = options.mailboxes?.map((name) => ({ name, fits: mailboxFilter([name]) }));
  const isAsked = (mailbox: string): boolean => only === undefined || only.some(({ fits }) => fits(mailbox));
  const domains = new Set<string>();
  for (const store of options.stores) {
    const found = await storeMailboxes(store, options.stores.length > 1 ? store.name : '', options.signal);
    findings.push(...found.findings);
    for (const { mailbox } of found.mailboxes) if (mailbox.includes('@')) domains.add(mailbox.slice(mailbox.lastIndexOf('@') + 1));
    const before = known.get(store.name) ?? [];
    for (const { mailbox } of found.mailboxes) all.add(mailbox);
    const listed = new Set(found.mailboxes.map((mailbox) => mailbox.mailbox));
    const incomplete = found.findings.some((finding) => finding.severity === 'error');
    const [problem] = found.findings.filter(({ severity }) => severity === 'error');
    if (found.mailboxes.length === 0 && problem !== undefined) throw unreadableStore(store, problem);
    if (found.mailboxes.length === 0 && before.length > 0) {
      throw new MailrecoverError('refused', `store '${store.name}' shows none of the ${before.length} mailboxes that it had`, {
        hint: `is it mounted? look at '${store.path}'; a store that was given up is taken out of the configuration`,
        subject: store.name,
      });
    }
    const pressing = new Set(before.filter(mustRead).map((state) => state.mailbox));
    for (const mailbox of found.mailboxes)
      if (isAsked(mailbox.mailbox) || pressing.has(mailbox.mailbox)) sources.set(mailboxKey(mailbox), mailbox);
    // Not looked at this time, or behind a directory that can't be listed: stays as it was.
    for (const state of before)
      if (!sources.has(mailboxKey(state)) && (!isAsked(state.mailbox) || (incomplete && !listed.has(state.mailbox))))
        sources.set(mailboxKey(state), undefined);
  }
  if (only !== undefined) {
    const read = [...sources.values()];
    const missing = only.filter(({ fits }) => !read.some((source) => source !== undefined && fits(source.mailbox)));
    if (missing.length > 0)
      throw noSuch(
        missing.map(({ name }) => name),
        all,
      );
  }
  if (sources.size === 0) {
    throw new MailrecoverError('not-found', 'no mailbox was found', {
      hint: `check the paths of 'stores' in the configuration: ${options.stores.map((store) => store.path).join(', ')}`,
    });
  }
  takeSystem(options, only === undefined, known.get(SYSTEM)?.[0], [...domains].sort(), sources, mustRead);
  return new Map([...sources].sort(([a], [b]) => byBytes(a, b)));
}

/** The error for a store of which nothing can be read. */
function unreadableStore({ name, path }: StoreSource, { message, hint }: Finding): MailrecoverError {
  return new MailrecoverError('io', `store '${name}' shows no mailbox: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    subject: path,
  });
}

/** The error for mailboxes that were named and are in no store. */
function noSuch(names: readonly string[], all: Iterable<string>): MailrecoverError {
  const [first = ''] = names;
  const isPattern = names.some((name) => name.includes('*'));
  const meant = isPattern ? undefined : suggest(first, [...all].map(displayBytes));
  return new MailrecoverError(
    'not-found',
    `there is no mailbox${isPattern ? ' that fits' : ''} ${names.map((name) => `'${name}'`).join(', ')}`,
    {
      hint: meant === undefined ? "list those that are backed up: 'mailrecover ls latest'" : `did you mean '${meant}'?`,
      subject: first,
    },
  );
}

/** Most domains whose DNS records are asked for unasked. */
const MOST_DOMAINS = 20;

/** The server: looked at where all is asked for; else it stays as it was. */
function takeSystem(
  { system }: SourceOptions,
  all: boolean,
  before: MailboxState | undefined,
  domains: readonly string[],
  sources: Map<string, SourceMailbox | undefined>,
  mustRead: MustRead,
): void {
  if (system === undefined) return;
  const { dns } = system;
  const asked = dns === undefined || dns.domains.length > 0 ? dns : { ...dns, domains: domains.slice(0, MOST_DOMAINS) };
  const mailbox = systemMailbox({ ...system, dns: asked });
  if (all || (before !== undefined && mustRead(before))) sources.set(mailboxKey(mailbox), mailbox);
  else if (before !== undefined) sources.set(mailboxKey(mailbox), undefined);
}
