export interface DovecotSettings {
  /** Below it lie `run`, `state`, `users` and the log. */
  directory: string;
  ports: { imap: number; lmtp: number; doveadm: number };
  password: string;
  /** Names of the user and the group that own the mail. */
  owner: string;
  group: string;
  /** The user that runs the server's helpers where it does not run as root. */
  runAs: string | undefined;
  /** A path with %d, %n and %u, e.g. `/x/%d/%n/Maildir`. */
  mail: string;
  format: 'maildir' | 'mbox' | 'sdbox' | 'mdbox';
  layout: 'maildir++' | 'fs';
  /** Where INBOX lies by itself (mbox), and the alternative storage (sdbox, mdbox). */
  inbox: string | undefined;
  alt: string | undefined;
  /** More lines of settings. */
  extra: readonly string[];
  control: string | undefined;
  index: string | undefined;
  /** Prefix of the one namespace, with the separator at its end; empty for none. */
  prefix: string;
  separator: string;
  utf8: boolean;
  /** More lines, for 2.3 only. */
  more: string;
}

/** Configuration for Dovecot 2.3. Braces stand at line ends: 2.3 takes nothing else. */
export function config23(settings: DovecotSettings): string {
  const { directory } = settings;
  const parts = [`${settings.format}:${settings.mail}`];
  if (settings.inbox !== undefined) parts.push(`INBOX=${settings.inbox}`);
  if (settings.alt !== undefined) parts.push(`ALT=${settings.alt}`);
  if (settings.layout === 'fs') parts.push('LAYOUT=fs');
  if (settings.control !== undefined) parts.push(`CONTROL=${settings.control}`);
  if (settings.index !== undefined) parts.push(`INDEX=${settings.index}`);
  if (settings.utf8) parts.push('UTF-8');
  return `base_dir = ${directory}/run
state_dir = ${directory}/state
instance_name = ${directory.replace(/[^A-Za-z0-9]+/g, '-')}
log_path = ${directory}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 0
mail_location = ${parts.join(':')}
mail_fsync = never
${settings.extra.join('\n')}
${rights(settings)}
doveadm_password = ${settings.password}
mail_max_userip_connections = 200
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${directory}/users
}
userdb {
  driver = passwd-file
  args = username_format=%u ${directory}/users
}
namespace inbox {
  inbox = yes
  prefix = ${settings.prefix}
  separator = ${settings.separator}
}
${services(settings)}
protocol lmtp {
  postmaster_address = postmaster@localhost
}
${settings.more}`;
}

/** Configuration for Dovecot 2.4, whose settings have other names and whose variables stand in braces. */
export function config24(settings: DovecotSettings, version: string): string {
  const { directory } = settings;
  const variables = (path: string): string =>
    path.replace(/%d/g, '%{user | domain}').replace(/%n/g, '%{user | username}').replace(/%u/g, '%{user}').replace(/%h/g, '%{home}');
  const extra: string[] = [...settings.extra];
  if (settings.inbox !== undefined) extra.push(`mail_inbox_path = ${variables(settings.inbox)}`);
  if (settings.alt !== undefined) extra.push(`mail_alt_path = ${variables(settings.alt)}`);
  if (settings.control !== undefined) extra.push(`mail_control_path = ${variables(settings.control)}`);
  if (settings.index !== undefined) extra.push(`mail_index_path = ${variables(settings.index)}`);
  if (settings.utf8) extra.push('mailbox_list_utf8 = yes');
  return `dovecot_config_version = ${version}
dovecot_storage_version = ${version}
base_dir = ${directory}/run
state_dir = ${directory}/state
instance_name = ${directory.replace(/[^A-Za-z0-9]+/g, '-')}
log_path = ${directory}/dovecot.log
protocols {
  imap = yes
  lmtp = yes
}
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
auth_mechanisms {
  plain = yes
}
mail_driver = ${settings.format}
mail_path = ${variables(settings.mail)}
mailbox_list_layout = ${settings.layout}
${extra.join('\n')}
mail_fsync = never
${rights(settings)}
doveadm_password = ${settings.password}
mail_max_userip_connections = 200
passdb passwd-file {
  passwd_file_path = ${directory}/users
  default_password_scheme = plain
}
userdb passwd-file {
  passwd_file_path = ${directory}/users
}
namespace inbox {
  inbox = yes
  prefix = ${settings.prefix}
  separator = ${settings.separator}
}
${services(settings)}
`;
}

function rights(settings: DovecotSettings): string {
  const lines = [`mail_uid = ${settings.owner}`, `mail_gid = ${settings.group}`, 'first_valid_uid = 1', 'first_valid_gid = 1'];
  if (settings.runAs !== undefined) {
    lines.push(
      `default_internal_user = ${settings.runAs}`,
      `default_internal_group = ${settings.group}`,
      `default_login_user = ${settings.runAs}`,
    );
  }
  return lines.join('\n');
}

function services({ ports, runAs }: DovecotSettings): string {
  const rootless = runAs === undefined ? '' : '  chroot =\n';
  return `service imap-login {
${rootless}  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = 0
  }
}
service imap {
  process_limit = 400
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${ports.lmtp}
  }
}
service doveadm {
  inet_listener doveadm {
    port = ${ports.doveadm}
  }
}
service anvil {
${rootless}}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}`;
}
