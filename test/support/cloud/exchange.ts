/** A real Postfix that takes mail from those alone who log in with XOAUTH2, checked by a real Dovecot, which keeps the mail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dovecot, dovecot, noDovecot } from '../dovecot.ts';
import { freePorts } from '../ports.ts';
import { noPostfix, type Postfix, postfix } from '../postfix.ts';
import { scratch } from '../tmp.ts';
import { type Authority, noAuthority } from './authority.ts';
import type { Issuer } from './tokens.ts';

export interface Exchange {
  dovecot: Dovecot;
  postfix: Postfix;
  /** STARTTLS and XOAUTH2; the sender must be who logged in. */
  submission: number;
  /** TLS from the first byte, else the same. */
  submissions: number;
  /** STARTTLS is offered, and this host may relay. */
  relay: number;
}

/** Why there can be none here, for `skip`, or false. */
export function noExchange(): string | false {
  return noDovecot() || noPostfix() || noAuthority();
}

/** Addresses are all of `example.test`. */
export async function exchange(tls: Authority, users: string[], issuers: readonly Issuer[]): Promise<Exchange> {
  const directory = scratch('xo');
  const keys = join(directory, 'keys/default/RS256');
  mkdirSync(keys, { recursive: true });
  for (const { kid, publicPem } of issuers) writeFileSync(join(keys, kid), publicPem, { mode: 0o644 });
  writeFileSync(
    join(directory, 'oauth2.conf'),
    `introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix=${directory}/keys/\nusername_attribute = email\n`,
  );
  const socket = join(directory, 'auth');
  const imap = await dovecot({
    users,
    more: `auth_mechanisms = plain xoauth2
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = ${directory}/oauth2.conf
}
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener ${socket} {
    mode = 0666
  }
}
`,
  });
  const [submission = 0, submissions = 0] = await freePorts(2);
  const login =
    '-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_sender_restrictions=reject_sender_login_mismatch';
  const mta = await postfix({
    name: 'exchange',
    domain: 'example.test',
    lmtpPort: imap.ports.lmtp,
    main: `smtpd_tls_security_level = may
smtpd_tls_cert_file = ${tls.certFile}
smtpd_tls_key_file = ${tls.keyFile}
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${socket}
smtpd_sender_login_maps = inline:{${users.map((user) => `{${user}=${user}}`).join(' ')}}
smtpd_reject_unlisted_recipient = yes
virtual_mailbox_maps = inline:{${users.map((user) => `{${user}=x}`).join(' ')}}
virtual_alias_maps =
message_size_limit = 10000000
`,
    master: `127.0.0.1:${submission} inet n - n - - smtpd ${login}\n127.0.0.1:${submissions} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes ${login}\n`,
  });
  return { dovecot: imap, postfix: mta, submission, submissions, relay: mta.port };
}
