/** What is left to be done once all folders of a mailbox have their history. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { asidePath, removeAside } from '../../restore/live/aside.ts';
import type { Doveadm } from '../../restore/live/doveadm.ts';
import { nameOfFolder } from '../../restore/look/folders.ts';
import { isLoss, readEntry, type Source } from '../../restore/look/source.ts';
import { displayBytes } from '../../store/bytes.ts';
import { noteDial, type Dial } from '../dial/record.ts';
import { folderDirsOf } from '../merge/look.ts';
import type { FolderFacts, MailboxCut } from '../sync/model.ts';
import type { MailboxPlace } from '../sync/place.ts';
import { snapshotSource } from '../sync/read-snapshot.ts';
import { TakenStore } from '../sync/taken.ts';
import { storedFolder, type SnapshotMailbox } from './history.ts';

export interface CompleteOptions {
  state: string;
  source: Source;
  dial: Dial | undefined;
  doveadm: Doveadm;
  id: string;
}

const MAX_FILE = 1024 * 1024;

/** Safe to be repeated. @param number of the mailbox in the plan */
export async function complete(options: CompleteOptions, place: MailboxPlace, stored: SnapshotMailbox, number: number): Promise<Finding[]> {
  const { doveadm, id } = options;
  const user = displayBytes(place.mailbox);
  const findings = await subscribe(options, user, stored);
  const quota = await doveadm.recalculateQuota(user);
  if (quota !== undefined) findings.push(quota);
  await takeDown(options, place, stored);
  removeAside(asidePath(place, id, number));
  return findings;
}

/** Folders that were subscribed are again; what clients have subscribed to since stays. */
async function subscribe({ source, doveadm }: CompleteOptions, user: string, stored: SnapshotMailbox): Promise<Finding[]> {
  const { mail, control, numbering } = stored;
  const file = [control, mail].map((section) => section?.dirs.get('')?.files.get('subscriptions')).find((each) => each !== undefined);
  if (file === undefined || mail === undefined || file.size > MAX_FILE) return [];
  try {
    const parts: Buffer[] = [];
    for (const part of file.parts) parts.push(await readEntry(source, numbering, part));
    const names = subscribedNames(Buffer.concat(parts).toString('latin1'), source, mail.store);
    if (names.length > 0) await doveadm.subscribe(user, ...names);
    return [];
  } catch (error) {
    if (!isLoss(error) && !(error instanceof MailrecoverError && ['failed', 'unreachable'].includes(error.code))) throw error;
    const message = `the subscriptions of '${user}' could not be brought back: ${error instanceof Error ? error.message : String(error)}`;
    return [{ severity: 'warning', code: 'subscriptions', message, subject: user }];
  }
}

/** Dovecot's file `subscriptions`: a name on each line; in its second version behind a head, with tabs between the levels. */
function subscribedNames(text: string, { layoutOf }: Source, store: string): string[] {
  const layout = layoutOf(store);
  const [head = '', ...rest] = text.split('\n');
  const lines = head.startsWith('V\t') ? rest.map((line) => line.replaceAll('\t', layout.layout === 'fs' ? '/' : '.')) : [head, ...rest];
  return lines
    .filter((line) => line !== '')
    .map((line) => (line.toUpperCase() === 'INBOX' ? 'INBOX' : nameOfFolder(layout.layout === 'fs' ? line : `.${line}`, layout)));
}

/** Writes down what this host and the other have in common from now on, as a merge needs it: what the snapshot has. */
async function takeDown({ state, source, dial }: CompleteOptions, place: MailboxPlace, stored: SnapshotMailbox): Promise<void> {
  if (dial === undefined) return;
  const { store, mailbox } = place;
  const read = await snapshotSource(source, []).read({ store, mailbox }, { messages: [], staged: [], files: [] }, async () => undefined, {
    contents: false,
  });
  const taken = new TakenStore(state);
  if (typeof read !== 'string') {
    const number = (taken.read({ store, mailbox })?.number ?? 0) + 1;
    await taken.write({ version: 1, epoch: dial.epoch, number, cut: read.cut, folders: await factsOf(source, read.cut, stored) });
  }
  noteDial(state, dial, { complete: { store, mailbox } });
}

async function factsOf(source: Source, cut: MailboxCut, stored: SnapshotMailbox): Promise<FolderFacts[]> {
  const facts: FolderFacts[] = [];
  for (const dir of folderDirsOf(cut)) {
    const { list, keywords } = await storedFolder(source, stored, dir);
    const { uidValidity = 0, nextUid = 0, guid } = list ?? {};
    facts.push({ dir, uidValidity, nextUid, ...(guid === undefined ? {} : { guid }), keywords: [...keywords] });
  }
  return facts;
}
