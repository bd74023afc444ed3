/** Taking backups. */
export const backup: readonly (readonly [string, string])[] = [
  ['mailbox', 'メールボックス'],
  ['mailboxes', 'メールボックス'],
];
