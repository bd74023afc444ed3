import type { Section } from './doveconf.ts';

/** Where and how mail lies, in the terms of Dovecot 2.4, whichever version said it. */
export interface Location {
  driver: string;
  path: string;
  layout: string;
  utf8: boolean;
  control: string | undefined;
  index: string | undefined;
  /** INBOX in a place of its own. */
  inbox: string | undefined;
  alt: string | undefined;
  /** Settings that move folders to where we would not find them. */
  odd: string[];
  /** Which setting says so. */
  says: string;
}

/**
 * Reads `mail_location` of Dovecot 2.3, or a namespace's `location`:
 * `maildir:~/Maildir:LAYOUT=fs:CONTROL=/var/control/%u:UTF-8`. Undefined where no driver is named: Dovecot then looks
 * for the mail itself.
 */
export function parseLocation(text: string, says: string): Location | undefined {
  const match = /^([a-z]+):(.*)$/s.exec(text);
  if (match?.[1] === undefined) return undefined;
  // A colon that is meant is doubled.
  const [path = '', ...options] = (match[2] ?? '').split(/(?<!:):(?!:)/).map((piece) => piece.replaceAll('::', ':'));
  const location = emptyLocation(match[1], path, says);
  for (const option of options) {
    const equals = option.indexOf('=');
    const key = equals < 0 ? option : option.slice(0, equals);
    const value = equals < 0 ? '' : option.slice(equals + 1);
    if (key === 'LAYOUT') location.layout = value.toLowerCase();
    else if (key === 'UTF-8') location.utf8 = true;
    else if (key === 'CONTROL') location.control = value;
    else if (key === 'INDEX') location.index = value;
    else if (key === 'INBOX') location.inbox = value;
    else if (key === 'ALT') location.alt = value;
    else if (['DIRNAME', 'FULLDIRNAME', 'MAILBOXDIR'].includes(key)) location.odd.push(key);
  }
  return location;
}

/** Reads the settings of Dovecot 2.4 (`mail_driver`, `mail_path` …); a namespace's own go before the general ones. */
export function settingsLocation(root: Section, namespace: Section | undefined): Location | undefined {
  const get = (key: string): string | undefined => {
    const value = namespace?.settings.get(key) ?? root.settings.get(key);
    return value === '' ? undefined : value;
  };
  const driver = get('mail_driver');
  const path = get('mail_path');
  if (driver === undefined || path === undefined) return undefined;
  const location = emptyLocation(driver, path, 'mail_driver and mail_path');
  location.layout = get('mailbox_list_layout')?.toLowerCase() ?? location.layout;
  location.utf8 = get('mailbox_list_utf8') === 'yes';
  location.control = get('mail_control_path');
  location.index = get('mail_index_path');
  location.inbox = get('mail_inbox_path');
  location.alt = get('mail_alt_path');
  location.odd = ['mailbox_directory_name', 'mailbox_root_directory_name'].filter((key) => get(key) !== undefined && driver === 'maildir');
  return location;
}

function emptyLocation(driver: string, path: string, says: string): Location {
  const layout = driver === 'maildir' ? 'maildir++' : 'fs';
  return { driver, path, layout, utf8: false, control: undefined, index: undefined, inbox: undefined, alt: undefined, odd: [], says };
}

/**
 * The path with its home filled in: `~/Maildir`, `%h/Maildir`, `%{home}/Maildir`; undefined where it needs one that is
 * not known.
 */
export function withHome(path: string, home: string | undefined): string | undefined {
  const match = /^(?:~|%h|%\{\s*home\s*\})(\/.*)?$/s.exec(path);
  if (match === null) return path;
  return home === undefined ? undefined : home.replace(/\/+$/, '') + (match[1] ?? '');
}
