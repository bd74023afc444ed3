/** Directories of a mailbox that Dovecot copies. */
import { renameSync } from 'node:fs';
import type { Finding } from '../../../errors/finding.ts';
import type { Handles } from '../../../restore/live/aside.ts';
import { attempt } from '../../../restore/write/files.ts';
import { type ByteString, displayBytes, fsPath } from '../../../store/bytes.ts';
import { lstatIfThere } from '../../../store/stat.ts';
import type { MailboxName } from '../model.ts';
import { makeTree, type Owner } from '../owner.ts';
import type { MailboxPlace } from '../place.ts';

const AREAS = ['index', 'control', 'alt', 'root'] as const;

/** Makes a directory that Dovecot wants beside the mail, where the store has one. */
export function makeBoxRoot(place: MailboxPlace, area: 'control' | 'index' | 'alt', owner: Owner, handles: Handles): void {
  const path = place[area];
  const fixed = place.fixedOf[area];
  if (path !== undefined && fixed !== undefined) makeTree(fixed, path, owner, handles);
}

/** Moves a mailbox of the standby aside, each tree of it by one rename: it comes anew. It stays there until somebody deletes it. */
export function setBoxAside(place: MailboxPlace, hash: string, handles: Handles): void {
  for (const area of AREAS) {
    const path = place[area];
    if (path === undefined || lstatIfThere(path) === undefined) continue;
    const [parent, name] = [path.slice(0, Math.max(1, path.lastIndexOf('/'))), path.slice(path.lastIndexOf('/') + 1)];
    const aside = freeName(parent, `.mailrecover-aside-${hash}${area === 'root' ? '' : `-${area}`}`);
    const at = handles.at(parent);
    attempt(path, () => renameSync(fsPath(`${at}/${name}`), fsPath(`${at}/${aside}`)));
  }
}

function freeName(parent: ByteString, name: string): string {
  for (let number = 1; ; number++) {
    const each = number === 1 ? name : `${name}-${number}`;
    if (lstatIfThere(`${parent}/${each}`) === undefined) return each;
  }
}

/** The two hosts keep the mailbox in different formats. */
export function otherFormat({ mailbox }: MailboxName, format: string): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'not-synced',
    message: `mailbox '${subject}' lies in another format on the active host than here, where it is ${format}`,
    hint: 'make the stores in both configurations alike',
    subject,
  };
}
