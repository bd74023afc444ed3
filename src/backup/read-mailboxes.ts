/** Reading mailboxes: those that did not change are carried over, the others are captured and compared with what was there. */
import { systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { sectionKey, type Section } from '../repository/catalog/model.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import type { CatalogWriter } from '../repository/catalog/writer.ts';
import { displayBytes } from '../store/bytes.ts';
import { SYSTEM } from '../store/system/types.ts';
import { eachPlace, isUntouched, type SourceMailbox } from './mailboxes.ts';
import { usesPacks } from './merge-packs.ts';
import { readMailbox, type ReadMailbox } from './read-mailbox.ts';
import type { Run } from './run.ts';
import { mailboxKey, type MailboxState } from './state/state.ts';

/** Mailboxes that are read at the same time: enough to keep all threads busy, few enough that each lies in few packs. */
const AT_ONCE = 4;
/** So many more where they were read before and are small together: then little of each is read, and nobody need wait for that. */
const MORE_AT_ONCE = 64;
/** As how many an account of an IMAP server counts among them: servers refuse too many connections. */
const ACCOUNT = 4;
const SMALL_TOGETHER = 50_000;
/** Mailboxes in which something changed, from which on there will be enough to read for a thread. */
const MANY_CHANGED = 8;

/**
 * Reads the mailboxes, several at once, and takes them up in order.
 * @param writer gets whole sections for a base; without it what changed is returned
 */
export async function readMailboxes(
  run: Run,
  sources: ReadonlyMap<string, SourceMailbox | undefined>,
  writer: CatalogWriter | undefined,
): Promise<Map<string, Section>> {
  const { index, options } = run;
  const before = new Map(index.mailboxes.map((state) => [mailboxKey(state), state]));
  const still = lookAhead(run, before, sources);
  const sections = new Map<string, Section>();
  const mailboxes: MailboxState[] = [];
  const waiting: { read: Promise<ReadMailbox>; messages: number; busy: number }[] = [];
  let messages = 0;
  let busy = 0;
  const isCrowded = (): boolean => busy >= (messages < SMALL_TOGETHER ? MORE_AT_ONCE : AT_ONCE);
  const take = async (): Promise<void> => {
    const first = waiting.shift();
    if (first === undefined) return;
    messages -= first.messages;
    busy -= first.busy;
    const next = await first.read;
    if (next.state !== undefined) mailboxes.push(next.state);
    for (const section of next.sections) {
      if (writer === undefined) sections.set(sectionKey(section), section);
      else writer.add(section);
    }
  };
  try {
    for (const [key, source] of sources) {
      const prior = before.get(key);
      before.delete(key);
      const same = still.get(key) ?? isStill(run, prior, source);
      const size = same ? 0 : (prior?.counts.messages ?? SMALL_TOGETHER);
      messages += size;
      const weight = same ? 0 : source?.imap === undefined ? 1 : ACCOUNT;
      busy += weight;
      waiting.push({
        read: readMailbox(run, prior, source, { whole: writer !== undefined, still: same }),
        messages: size,
        busy: weight,
      });
      while (isCrowded()) await take();
      options.signal?.throwIfAborted();
    }
    while (waiting.length > 0) await take();
    // Nothing at all could be read: that is no backup.
    const [failure] = run.unreached;
    if (failure !== undefined && [...sources.values()].filter((source) => source !== undefined).length === run.unreached.length)
      throw failure;
  } catch (error) {
    await Promise.allSettled(waiting.map(({ read }) => read));
    throw error;
  }
  for (const gone of before.values()) dropMailbox(run, gone, sections);
  const mail = [...before.values()].filter(({ store }) => store !== SYSTEM);
  if (mail.length > 0) run.findings.push(goneMailboxes(mail));
  if (mail.length < before.size) run.findings.push(SERVER_LEFT_OUT);
  index.mailboxes = mailboxes;
  return new Map([...sections].sort(([a], [b]) => byBytes(a, b)));
}

/** Looks which mailboxes did not change, until so many are found to have that a thread is worth starting. @returns what was found, by their keys */
function lookAhead(
  run: Run,
  before: ReadonlyMap<string, MailboxState>,
  sources: ReadonlyMap<string, SourceMailbox | undefined>,
): Map<string, boolean> {
  const still = new Map<string, boolean>();
  let changed = 0;
  if (run.deep || run.options.dryRun) return still;
  for (const [key, source] of sources) {
    const prior = before.get(key);
    if (prior === undefined || source === undefined || source.imap !== undefined || source.system !== undefined) continue;
    const same = isStill(run, prior, source);
    still.set(key, same);
    if (!same) changed++;
    if (changed < MANY_CHANGED) continue;
    run.expectMuch();
    break;
  }
  return still;
}

/** Whether a mailbox may stay as the snapshot before has it. */
function isStill(run: Run, prior: MailboxState | undefined, source: SourceMailbox | undefined): boolean {
  if (prior === undefined || source === undefined) return source === undefined;
  try {
    return !run.deep && !usesPacks(run.index, run.reread, prior) && isUntouched(prior, source);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // Reading it tells what is wrong, and with what.
    return false;
  }
}

const SERVER_LEFT_OUT: Finding = {
  severity: 'warning',
  code: 'server-left-out',
  message: 'the server beside its mail was in the snapshot before, and is no longer backed up',
  hint: "if that is not meant so, put 'system:' back into the configuration",
};

/** Mailboxes that were removed, or whose part of the store is not mounted: the one looks like the other, so a person is told. */
function goneMailboxes(gone: readonly MailboxState[]): Finding {
  const names = gone.slice(0, 3).map(({ mailbox }) => `'${displayBytes(mailbox)}'`);
  return {
    severity: 'warning',
    code: 'mailboxes-gone',
    message: `${gone.length} ${gone.length === 1 ? 'mailbox is' : 'mailboxes are'} gone since the snapshot before: ${names.join(', ')}${gone.length > names.length ? ' …' : ''}`,
    hint: 'earlier snapshots hold them; if nobody removed them, see that their file system is mounted and run the backup again',
  };
}

/** Takes up that a mailbox is no longer there. */
function dropMailbox(run: Run, gone: MailboxState, sections: Map<string, Section>): void {
  run.changes.removedMessages += gone.counts.messages;
  const areas = run.state.loadMailbox(gone);
  if (areas === undefined) run.tally.broken = true;
  for (const area of areas ?? []) eachPlace(area, (place, count) => run.tally.live.set(place, (run.tally.live.get(place) ?? 0) - count));
  for (const { area, root } of gone.areas) {
    const section: Section = { mailbox: gone.mailbox, store: gone.store, area, root, gone: true, dirs: new Map() };
    sections.set(sectionKey(section), section);
  }
}
