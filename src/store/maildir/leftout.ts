import type { ByteString } from '../bytes.ts';

/** Why a file or directory of a Maildir is not worth keeping. */
export type LeftOutReason = 'index' | 'lock' | 'temporary' | 'quota' | 'compiled' | 'search';

const FILES: readonly [RegExp, LeftOutReason][] = [
  // dovecot.index and its .log, .log.2, .cache, .backup, .search …; dovecot.list.index and its .log.
  [/^dovecot\.(list\.)?index($|\.)/, 'index'],
  // Dovecot's dotlocks, among them dovecot-uidlist.lock and dovecot-keywords.lock.
  [/\.lock$/, 'lock'],
  // mailbox-list-maildir.c: `temp.<host>.<pid>.` and `.temp.<host>.<pid>.` while a file is being replaced.
  [/^\.?temp\.[^.].*\.\d+\./, 'temporary'],
  // A file that was deleted while an NFS client held it open.
  [/^\.nfs[0-9a-f]{16,}$/, 'temporary'],
  // Maildir++ quota: recounted when missing; Dovecot 2.4 ignores its limits.
  [/^maildirsize$/, 'quota'],
  // Pigeonhole compiles the script again.
  [/\.svbin$/, 'compiled'],
];

const DIRECTORIES: readonly [RegExp, LeftOutReason][] = [[/^(fts-flatcurve|xapian-indexes|lucene-indexes|fts-indexes)$/, 'search']];

/**
 * Whether Dovecot makes a file or directory anew when it is missing, or nobody needs it after a restore, and why;
 * undefined for what is kept. For names outside of `cur` and `new`, where every name can be a message. What stays:
 * messages, `dovecot-uidlist`, `dovecot-keywords`, `dovecot-uidvalidity*`, `subscriptions`, `dovecot-acl*`,
 * `dovecot-attributes` (may hold mail-crypt keys), `maildirfolder`, `dovecot.mailbox.log`, Sieve, and whatever is not
 * known.
 */
export function leftOut(name: ByteString, type: 'file' | 'directory' | 'link'): LeftOutReason | undefined {
  const rules = type === 'directory' ? DIRECTORIES : FILES;
  return rules.find(([pattern]) => pattern.test(name))?.[1];
}

/**
 * Whether what lies in a directory is left out though the directory itself is kept: `tmp` beside `cur` and `new` holds
 * deliveries that never completed (https://cr.yp.to/proto/maildir.html).
 */
export function contentsLeftOut(name: ByteString): boolean {
  return name === 'tmp';
}
