/** What is not said to the reader of a screen or a report, or is said in English on purpose. */

/** Files and directories whose texts are something else: scripts, documents that lie in a repository, settings of other programs, pages of help. */
export const UNTOLD_FILES: readonly string[] = [
  // The catalogue itself.
  'src/report/words/',
  // Pages and mails take their words from it.
  'src/report/report/html/',
  'src/report/report/pdf/',
  'src/commands/completion/',
  'src/verify/server/config.ts',
  'src/restore/system/rebuild.ts',
  'src/repository/sheet.ts',
  'src/repository/recover/',
  'src/commands/metrics/',
  'src/report/metrics/',
  'src/report/report/junit.ts',
  // Records are for the file, and for other readers than the one at the screen.
  'src/drill/markdown.ts',
  'src/repository/erase/certificate.ts',
  'src/restore/system/differences.ts',
  'src/restore/system/compare.ts',
  'src/config/sample.ts',
  'src/config/parts/retention.ts',
  'src/schedule/owned.ts',
  'src/schedule/jobs.ts',
  'src/schedule/systemd/',
  'src/standby/fences/nft.ts',
  'src/standby/prepare/ports.ts',
  'src/standby/prepare/texts.ts',
  'src/standby/lease/units.ts',
  'src/standby/guard/units.ts',
  'src/standby/rehearse/texts.ts',
  'src/store/system/sources/places.ts',
  'src/cli/bug.ts',
  'src/cli/help.ts',
  'src/commands/exit-codes.ts',
  'src/commands/shared.ts',
  'src/commands/links/shown.ts',
  'src/commands/index.ts',
  // What webhooks say goes to other readers than the one at the screen.
  'src/notify/webhooks/',
];

/** Properties that hold what is for programs, for help and manuals. */
export const UNTOLD_KEYS: ReadonlySet<string> = new Set([
  'description',
  'meaning',
  'subject',
  'code',
  'severity',
  'exitCodes',
  'json',
  'says',
  'kind',
  'name',
  'state',
  'action',
  'id',
]);

/** Functions whose arguments are compared, looked up or run. */
export const UNTOLD_CALLS: ReadonlySet<string> = new Set([
  'describe',
  'meta',
  'join',
  'split',
  'includes',
  'startsWith',
  'endsWith',
  'has',
  'get',
  'replace',
  'replaceAll',
  'indexOf',
  'padEnd',
  'padStart',
]);

/** Single strings that read like a sentence, and are none. */
export const UNTOLD_TEXTS: ReadonlySet<string> = new Set<string>([
  // Names of commands.
  'schedule install',
  // Words for doveadm and a shell.
  'cat <&{0} & exec cat >&{1}',
  'mailbox-guid uid guid flags',
  'guid uidvalidity uidnext messages',
  'a program without its streams',
  // Help is in English.
  'Backup, proved restore and standby switching for Postfix and Dovecot mail servers.',
  'print the version',
  'print help',
  'print help for a command',
  "Run 'mailrecover help COMMAND' for the options, examples and exit codes of a command.",
  // Thrown and caught again within one file.
  'no policy',
  'no address',
  'too long',
  // A question, and what it is about, have been said already.
  '{0}\n\n{1} [yes/no]',
  // What stands at the head of files that are written for other programs.
  '# created: {0}\n# public key: {1}\n{2}',
  "# made by '{0}': give @FILE@ to what reads its dumps",
  '--{0}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{1}\r\n--{2}\r\nContent-Type: message/rfc822',
  'From: mailrecover <>\r\nSubject: canary\r\nMessage-ID: <{0}@mailrecover.invalid>\r\n\r\n{1}',
]);

/** Shapes of what is no sentence: commands to type, types of media, questions to a name server. */
export const UNTOLD_SHAPES: readonly RegExp[] = [
  /^mailrecover (?!on )/,
  /^(application|text|attachment|multipart)[/;]/,
  /^(update|prereq) (add|delete|yxrrset|nxrrset) /,
  /^(aws s3|chmod|systemctl|setpriv|runuser|useradd|doveadm|postconf|table inet|hold|standby|key|auth|links|notify) [a-z-]+( |$)/,
  /^<[a-z!]/,
];
