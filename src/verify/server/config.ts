import type { StoreFormat } from '../../store/capture.ts';
import type { Dialect } from './version.ts';

export interface ConfigInput {
  dialect: Dialect;
  /** Where all of it lies, a path of plain characters, and so is `run`, where the sockets lie. */
  root: string;
  run: string;
  /** Whom Dovecot's own processes run as; the current user when not root. */
  users: { internal: string; login: string; group: string };
  /** Whether it runs as root, and so may change users and directories of its processes. */
  privileged: boolean;
}

/** Below the root, what the settings name. `mail`, `control` and `index` hold one entry a mailbox, `users` one passwd-file a kind of mailbox. */
export const PLACES = {
  run: 'run',
  state: 'state',
  log: 'log',
  users: 'u',
  mail: 'm',
  control: 'c',
  alt: 'a',
  inbox: 'b',
  index: 'i',
  home: 'h',
  config: 'dovecot.conf',
} as const;

/** Listeners below the directory of the sockets. */
export const SOCKETS = { imap: 'imap', lmtp: 'lmtp' } as const;

/**
 * The settings of the private server: IMAP and LMTP, no plugin, no other file read. It listens on Unix sockets alone: there is no port that may be taken or that another
 * user of the host could try, their directory decides who may connect, and they work from outside into a network namespace that has no interface, where loopback would not.
 * The two dialects say the same in different words.
 * Braces stand at the ends of lines: 2.3 takes no section on a single line.
 */
export function dovecotConfig(input: ConfigInput): string {
  const { root, users, privileged } = input;
  const old = input.dialect === '2.3';
  // One file a kind of mailbox, looked up by the login name's domain; complete before its first use, for Dovecot looks for changes once a second at most.
  const passwdFile = `${root}/${PLACES.users}/${old ? '%d' : '%{user|domain}'}`;
  const chroot = privileged ? [] : ['chroot ='];
  return lines([
    ...(old ? [] : ['dovecot_config_version = 2.4.0', 'dovecot_storage_version = 2.4.0']),
    `base_dir = ${input.run}`,
    `state_dir = ${root}/${PLACES.state}`,
    'instance_name = mailrecover-verify',
    `log_path = ${root}/${PLACES.log}`,
    `default_internal_user = ${users.internal}`,
    `default_internal_group = ${users.group}`,
    `default_login_user = ${users.login}`,
    'protocols = imap lmtp',
    // Nothing listens on it: the ports below are 0. It only may not be empty.
    'listen = 127.0.0.1',
    'ssl = no',
    old ? 'disable_plaintext_auth = no' : 'auth_allow_cleartext = yes',
    'auth_mechanisms = plain',
    'auth_failure_delay = 0 secs',
    // Mailboxes belong to whomever they belonged to, system users included.
    'first_valid_uid = 1',
    'first_valid_gid = 1',
    ...(privileged ? [`mail_access_groups = ${users.group}`] : []),
    'mail_max_userip_connections = 0',
    // Maildirs of a hundred thousand messages have large indexes.
    'default_vsz_limit = 4G',
    ...(old ? ['mail_location = maildir:/nonexistent'] : ['mail_driver = maildir', 'mail_path = /nonexistent']),
    // The copy is thrown away, and the list of folders is to be the one on disk.
    'mail_fsync = never',
    'mailbox_list_index = no',
    // Nobody but this server writes the copy of an mbox.
    'mbox_read_locks = fcntl',
    'mbox_write_locks = fcntl',
    // A size in a file name says what the live server believed. What is asked here is what the file holds.
    'maildir_broken_filename_sizes = yes',
    'postmaster_address = postmaster@localhost.invalid',
    'sendmail_path = /bin/false',
    ...(old
      ? [
          ...section('passdb', ['driver = passwd-file', `args = username_format=%d ${passwdFile}`]),
          ...section('userdb', ['driver = passwd-file', `args = username_format=%d ${passwdFile}`]),
        ]
      : [
          ...section('passdb passwd-file', ['auth_username_format = %{user|domain}', `passwd_file_path = ${passwdFile}`]),
          ...section('userdb passwd-file', ['auth_username_format = %{user|domain}', `passwd_file_path = ${passwdFile}`]),
        ]),
    ...section('namespace inbox', ['inbox = yes', 'separator = /']),
    ...section('service imap-login', [
      ...chroot,
      // One process takes all logins: there is nobody here to be kept apart.
      old ? 'service_count = 0' : 'restart_request_count = unlimited',
      ...section('inet_listener imap', ['port = 0']),
      ...section('inet_listener imaps', ['port = 0']),
      ...section(`unix_listener ${SOCKETS.imap}`, ['mode = 0600']),
    ]),
    ...section('service lmtp', section(`unix_listener ${SOCKETS.lmtp}`, ['mode = 0600'])),
    ...section('service anvil', chroot),
    ...section('service stats', [...chroot, ...section('unix_listener stats-writer', ['mode = 0666'])]),
  ]);
}

function section(name: string, body: string[]): string[] {
  return body.length === 0 ? [] : [`${name} {`, ...body.map((line) => `  ${line}`), '}'];
}

function lines(all: string[]): string {
  return `${all.join('\n')}\n`;
}

/** What mailboxes have in common that the server has to know: one login domain stands for each. */
export interface MailboxKind {
  uid: number;
  gid: number;
  layout: 'maildir++' | 'fs';
  utf8: boolean;
  /** Whether control files lie elsewhere: then INBOX's, too, have a directory of their own there. */
  control: boolean;
  format: StoreFormat;
  /** Whether there is alternative storage, and whether indexes that are part of the mail lie elsewhere. */
  alt: boolean;
  index: boolean;
  /** Whether INBOX is a file by itself. */
  inbox: boolean;
}

/** How a mailbox of a kind is reached: settings of Dovecot 2.4 by their names there; `path` and `driver` are always there. */
function placesOf(root: string, id: string, kind: MailboxKind): Record<string, string> {
  const at = (place: string): string => `${root}/${place}/${id}`;
  // Indexes of a Maildir are made anew, outside of the copy.
  const index = kind.format === 'maildir' || kind.index;
  return {
    ...(index ? { index: at(PLACES.index) } : {}),
    ...(kind.control ? { control: at(PLACES.control) } : {}),
    ...(kind.alt ? { alt: at(PLACES.alt) } : {}),
    ...(kind.inbox ? { inbox: at(PLACES.inbox) } : {}),
  };
}

/** A kind as the line of a passwd-file. The mailbox is the login name's local part; all paths are plain words, so nothing needs to be escaped. */
export function kindLine(dialect: Dialect, root: string, name: string, password: string, kind: MailboxKind): string {
  const id = dialect === '2.3' ? '%n' : '%{user|username}';
  const mail = `${root}/${PLACES.mail}/${id}`;
  const places = Object.entries(placesOf(root, id, kind));
  const fields =
    dialect === '2.3'
      ? [
          `userdb_mail=${kind.format}:${mail}:LAYOUT=${kind.layout}${places.map(([name, path]) => `:${name.toUpperCase()}=${path}`).join('')}${kind.utf8 ? ':UTF-8' : ''}`,
        ]
      : [
          `userdb_mail_driver=${kind.format}`,
          `userdb_mail_path=${mail}`,
          ...places.map(([name, path]) => `userdb_mail_${name}_path=${path}`),
          `userdb_mailbox_list_layout=${kind.layout}`,
          `userdb_mailbox_list_utf8=${kind.utf8 ? 'yes' : 'no'}`,
        ];
  return `${name}:${password}:${kind.uid}:${kind.gid}::${root}/${PLACES.home}::${fields.join(' ')}\n`;
}
