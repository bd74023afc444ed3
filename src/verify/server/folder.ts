import { compareBodies } from './bodies.ts';
import { type FolderContext, shortened, where } from './context.ts';
import { type Fetched, parseFetch } from './fetch.ts';
import { guidsOf } from './files.ts';
import { flagDifference, type Pair, pairUp } from './match.ts';

/** Compares one folder: what the server says of it and of each message, then every body. */
export async function compareFolder(context: FolderContext): Promise<void> {
  const { folder, tally } = context;
  // Before the server is asked: it may write the list anew.
  const guids = guidsOf(context.mailbox, folder, context.controlFolder);
  const opened = await context.session.examine(context.wire);
  if ('refusal' in opened) {
    tally.counts.missing += folder.messages.length;
    tally.add('error', 'folder-missing', `folder ${where(context)} cannot be opened: ${opened.refusal}`, where(context));
    return;
  }
  compareState(context, opened.responses);

  const rows = new Map<number, Fetched>();
  const answer = await opened.session.command('UID FETCH 1:* (UID FLAGS INTERNALDATE X-GUID)', {
    untagged(response) {
      const fetched = parseFetch(response);
      if (fetched?.uid === undefined || fetched.flags === undefined) return;
      // What an mbox says of a GUID is made up of the message: the UID alone tells which it is.
      rows.set(fetched.uid, context.mailbox.format === 'mbox' ? { ...fetched, guid: '' } : fetched);
    },
  });
  if (answer.status !== 'OK')
    tally.add('error', 'folder-unreadable', `folder ${where(context)} cannot be read: ${answer.text}`, where(context));

  const { pairs, missing } = pairUp([...rows.values()], folder, guids);
  const faulty = new Set<Pair>();
  for (const pair of pairs) if (pair.expected !== undefined && !compareMessage(context, pair)) faulty.add(pair);
  const unexpected = pairs.filter((pair) => pair.expected === undefined);
  for (const pair of unexpected) {
    const subject = where(context, pair.uid);
    tally.add(
      'error',
      'unexpected-message',
      `${subject} is a message that was not in the backup: '${shortened(pair.served.guid ?? '')}'`,
      subject,
    );
  }
  for (const message of missing) {
    const subject = where(context, message.uid);
    tally.add('error', 'missing-message', `${subject} is not served: '${shortened(message.base)}'`, subject);
  }
  tally.counts.unexpected += unexpected.length;
  tally.counts.missing += missing.length;

  await compareBodies(context, pairs, faulty);
  tally.counts.mismatched += faulty.size;
}

function compareState(context: FolderContext, responses: readonly string[]): void {
  const { folder, tally } = context;
  const number = (name: string): number | undefined => {
    const found = responses
      .map((text) => new RegExp(`^\\* OK \\[${name} (\\d{1,10})\\]`, 'i').exec(text)?.[1])
      .find((one) => one !== undefined);
    return found === undefined ? undefined : Number(found);
  };
  const subject = where(context);
  const uidValidity = number('UIDVALIDITY');
  if (folder.uidValidity !== undefined && uidValidity !== folder.uidValidity) {
    tally.add(
      'error',
      'uidvalidity-mismatch',
      `folder ${subject} has UIDVALIDITY ${uidValidity ?? 'of none'}, not ${folder.uidValidity}: clients would load it all again`,
      subject,
    );
  }
  const uidNext = number('UIDNEXT');
  if (folder.uidNext !== undefined && (uidNext === undefined || uidNext < folder.uidNext)) {
    tally.add(
      'error',
      'uidnext-mismatch',
      `folder ${subject} would give UID ${uidNext ?? 'none'} to the next message, though it was given away before ${folder.uidNext}`,
      subject,
    );
  }
}

/** Compares what was asked of one message; whether all of it is as expected. */
function compareMessage(context: FolderContext, { uid, served, expected }: Pair): boolean {
  if (expected === undefined) return true;
  const { tally, folder } = context;
  const subject = where(context, uid);
  let same = true;
  const differs = (code: string, message: string): void => {
    same = false;
    tally.add('error', code, message, subject);
  };
  if (expected.uid !== undefined && expected.uid !== uid)
    differs('uid-mismatch', `${subject} had UID ${expected.uid}: '${shortened(expected.base)}'`);
  if (expected.uid === undefined && folder.uidNext !== undefined && uid < folder.uidNext) {
    differs('uid-mismatch', `${subject} got a UID that was given away before: the next one was ${folder.uidNext}`);
  }
  const { lacks, extra } = flagDifference(expected.flags, served.flags ?? []);
  if (lacks.length + extra.length > 0) {
    const parts = [
      ...(lacks.length > 0 ? [`lacks ${lacks.join(' ')}`] : []),
      ...(extra.length > 0 ? [`has ${extra.join(' ')} too much`] : []),
    ];
    differs('flags-mismatch', `${subject} ${parts.join(' and ')}`);
  }
  if (served.internalDate !== expected.internalDate) {
    differs(
      'date-mismatch',
      `${subject} has the date ${served.internalDate ?? 'of none'}, not ${expected.internalDate} (seconds since 1970)`,
    );
  }
  return same;
}
