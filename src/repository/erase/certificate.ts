/** The certificate of what was erased: JSON that is signed, and the same as text for people. */
import { signText } from '../signing.ts';
import type { Author } from '../care/record.ts';

export interface CertificateFacts {
  mailboxes: readonly string[];
  reason: string;
  repository: { id: string; location: string };
  begun: string;
  /** Absent as long as it is not finished. */
  finished?: string;
  /** Snapshots that were replaced by ones without it. */
  replaced: readonly { old: string; by: string }[];
  /** The most that one snapshot held. */
  messages: number;
  bytes: number;
  /** SHA-256 and size of each entry that is gone: messages, and parts of other files. */
  erased: readonly { sha: string; size: number }[];
  /** Entries that stay since others have the very same bytes. */
  shared: number;
  removed: { objects: number; bytes: number };
  /** What could not be removed, and why, in words. */
  left: readonly string[];
  /** Other places that were named as copies, and were not touched. */
  copies: readonly string[];
}

/** @returns the signed JSON, one document: the signature is over the bytes before its line */
export function certificateJson(facts: CertificateFacts, { host, key, tool }: Author): string {
  const body = `${JSON.stringify({ certificate: 'mailrecover erase', format: 1, host, key: key.publicHex, tool, ...facts }, null, 1).slice(0, -2)},\n`;
  return `${body} "signature": "${signText(body, key)}"\n}\n`;
}

export function certificateText(facts: CertificateFacts, { host, key }: Author, sha: string): string {
  const list = (items: readonly string[]): string[] => (items.length === 0 ? ['  nothing'] : items.map((item) => `  ${item}`));
  const bytes = facts.erased.reduce((sum, { size }) => sum + size, 0);
  return `${[
    'CERTIFICATE OF ERASURE',
    '',
    `mailbox      ${facts.mailboxes.join(', ')}`,
    `reason       ${facts.reason}`,
    `repository   ${facts.repository.location}`,
    `             id ${facts.repository.id}`,
    `by           ${host}, signing key ${key.publicHex}`,
    `begun        ${facts.begun}`,
    `finished     ${facts.finished ?? 'not yet'}`,
    '',
    `snapshots    ${facts.replaced.length} were replaced by ones without it; each held ${facts.messages} messages of ${facts.bytes} bytes at most`,
    `erased       ${facts.erased.length} entries of ${bytes} bytes; their hashes stand in the JSON beside this`,
    `stays        ${facts.shared} entries, since other mailboxes hold the very same bytes`,
    `removed      ${facts.removed.objects} objects of ${facts.removed.bytes} bytes`,
    '',
    'COULD NOT BE REMOVED',
    ...list(facts.left),
    '',
    'COPIES THAT WERE NOT TOUCHED',
    ...list(facts.copies),
    '',
    `SHA-256 of the JSON: ${sha}`,
  ].join('\n')}\n`;
}
