/** Reading one live mailbox, whatever its format. */
import { captureDbox } from './dbox/capture.ts';
import { captureMailbox, type CapturedMailbox, type CaptureOptions } from './maildir/capture.ts';
import { captureMbox } from './mbox/capture.ts';
import type { LockMethods } from './mbox/locks.ts';

export type StoreFormat = 'maildir' | 'mbox' | 'sdbox' | 'mdbox';

/** Formats whose messages lie with others in files: a view says which they are. */
export function hasView(format: StoreFormat): boolean {
  return format !== 'maildir';
}

export interface MailboxOptions extends CaptureOptions {
  format: StoreFormat;
  /** How an mbox is locked. */
  locks?: LockMethods | undefined;
}

/** Captures a mailbox so that nothing in it is lost or taken twice. */
export function captureStore(options: MailboxOptions): Promise<CapturedMailbox> {
  const { format } = options;
  if (format === 'mbox') return captureMbox(options, options.locks);
  return format === 'maildir' ? captureMailbox(options) : captureDbox(format, options);
}
