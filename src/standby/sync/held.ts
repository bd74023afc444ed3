/** What commits of all formats share. */
import { readFileSync } from 'node:fs';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes, fsPath } from '../../store/bytes.ts';
import type { MailboxCut, MailboxName } from './model.ts';
import { pathIn, type MailboxPlace } from './place.ts';
import type { Staging } from './staging.ts';

/** The content of a file: it lies ready, or in the mailbox already. */
export function contentIn(place: MailboxPlace, staging: Staging, has: MailboxCut, sha: string): Buffer {
  const staged = staging.file(sha);
  if (staged !== undefined) return staged;
  const twin = has.files.find((file) => file.sha === sha);
  if (twin === undefined) throw new MailrecoverError('bug', 'a file that was to be taken over does not lie ready');
  return readFileSync(fsPath(pathIn(place, twin.area, twin.path)));
}

/** Two synchronisations at the same time: the one that read earlier must not put back what the other has replaced. */
export function overtaken({ mailbox }: MailboxName): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'warning',
    code: 'overtaken',
    message: `mailbox '${subject}' was synchronised by another run meanwhile; that one counts`,
    subject,
  };
}
