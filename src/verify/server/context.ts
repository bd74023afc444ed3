import { type ByteString, displayBytes } from '../../store/bytes.ts';
import type { Progress } from '../../system/progress.ts';
import type { MailboxSession } from './session.ts';
import type { Tally } from './tally.ts';
import type { ExpectedFolder, ExpectedMailbox } from './types.ts';

/** What the comparison of a folder needs. */
export interface FolderContext {
  mailbox: ExpectedMailbox;
  folder: ExpectedFolder;
  wire: string;
  /** Where its messages and its control files lie. */
  mailFolder: ByteString;
  controlFolder: ByteString;
  session: MailboxSession;
  tally: Tally;
  progress: Progress;
  lastError(): string | undefined;
}

/** Mailbox, folder and UID, as findings name them. */
export function where(context: Pick<FolderContext, 'mailbox' | 'folder'>, uid?: number): string {
  return `${context.mailbox.mailbox} ${context.folder.name}${uid === undefined ? '' : ` UID ${uid}`}`;
}

/** A file's name for people, not longer than a line. */
export function shortened(name: ByteString): string {
  const shown = displayBytes(name);
  return shown.length > 120 ? `${shown.slice(0, 120)}…` : shown;
}
