/** Texts in files and for programs, not for whoever reads a screen. */

export const SNAPSHOT_READ = '# mailrecover: hashes that were read';
export const SNAPSHOT_EMERGENCY = '# mailrecover: emergency passwords';
export const BLOCK_FIRST = '# mailrecover: people log in by the snapshot of their hashes';
export const BLOCK_LAST = '# mailrecover: end';
export const SETTINGS_HEAD = '# Made by mailrecover; read where dovecot.conf includes it.\n';
/** Columns of psql(1) are parted by tabs. */
export const PSQL_TABS = "\\pset fieldsep '\\t'";
export const DOVECOT_PACKAGES = 'dovecot-imapd dovecot-lmtpd';

/** The list that only the administrator reads. */
export function passwordList(
  issued: readonly { user: string; password: string }[],
  { standby, at }: { standby: string; at: string },
): string {
  return [
    `Emergency passwords for mail on ${standby}, issued ${at}.`,
    'They hold once people log in by the snapshot: mailrecover standby prepare --logins snapshot',
    '',
    ...issued.map(({ user, password }) => `${user}\t${password}`),
    '',
  ].join('\n');
}
