/** Words in the files that start us. */

/** A word of an `ExecStart=` (systemd.service(5), "command lines"): quoted, without specifiers and variables. */
export function systemdWord(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A path in `ReadWritePaths=` and its like; a minus before it lets it be missing. */
export function systemdPath(path: string): string {
  const escaped = path.replaceAll('%', '%%');
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A word of a line of a crontab: for sh, and with `\%`, since cron ends the command at a bare one (crontab(5)). */
export function crontabWord(word: string): string {
  const quoted = /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  return quoted.replaceAll('%', '\\%');
}
