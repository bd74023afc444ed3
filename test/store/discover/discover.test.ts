import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { discoverStores } from '../../../src/store/discover/discover.ts';
import { describeDovecot } from '../../../src/store/discover/dovecot.ts';
import { parseLocation, withHome } from '../../../src/store/discover/location.ts';
import { strayUsers } from '../../../src/store/discover/users.ts';
import { describePostfix, parsePostconf } from '../../../src/store/discover/postfix.ts';

const sources = {
  readPasswd: () =>
    'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\ncarl:x:1002:1002::/srv/carl:/bin/sh\nnobody:x:65534:65534::/nonexistent:\n',
  readFile: (path: string) =>
    path === '/etc/dovecot/users'
      ? 'alice@example.org:{PLAIN}x:5000:5000::/srv/mail/example.org/alice::\nbob@example.net:{PLAIN}x:5000:5000::/srv/mail/example.net/bob::\n'
      : undefined,
};
const describe = (text: string): ReturnType<typeof describeDovecot> => describeDovecot(text, sources);

const DEBIAN = `# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
mail_location = maildir:~/Maildir
mail_privileged_group = mail
namespace inbox {
  inbox = yes
  location = 
  mailbox Drafts {
    special_use = \\Drafts
  }
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
  prefix = 
}
passdb {
  driver = pam
}
ssl_key = # hidden, use -P to show it
userdb {
  driver = passwd
}
`;

test('Dovecot 2.3 with system users', () => {
  const { version, stores, findings } = describe(DEBIAN);
  assert.equal(version, '2.3.19.1');
  assert.deepEqual(stores, [
    {
      name: 'mail',
      format: 'maildir',
      path: '/home/%u/Maildir',
      layout: { layout: 'maildir++', separator: '.', prefix: '', inbox: true, utf8: false },
      home: '/home/%u',
      says: 'dovecot keeps maildir in /home/%u/Maildir (mail_location with the homes in /etc/passwd)',
    },
  ]);
  assert.deepEqual(
    findings.map((f) => [f.code, f.message]),
    [['home-elsewhere', "1 of 3 users in /etc/passwd have their home outside of '/home/%u': carl"]],
  );
});

test('Dovecot 2.3 with virtual users, all options, a public namespace and a shared one', () => {
  const { stores, findings } = describe(`# 2.3.21.1 (d492236fa0): /etc/dovecot/dovecot.conf
mail_location = maildir:~/Maildir:LAYOUT=fs:CONTROL=/var/control/%u:INDEX=/var/index/%d/%n:UTF-8
mail_plugins = " quota listescape"
namespace inbox {
  inbox = yes
  location = 
  prefix = INBOX/
  separator = /
}
namespace "pub lic" {
  location = maildir:/var/mail/public
  prefix = Public/
  separator = /
  type = public
}
namespace shared {
  location = maildir:%%h/Maildir:INDEX=~/shared/%%u
  prefix = shared/%%u/
  type = shared
}
plugin {
  listescape_char = ^
  sieve = file:~/sieve;active=~/.dovecot.sieve
}
userdb {
  args = uid=vmail gid=vmail home=/var/vmail/%d/%n
  driver = static
}
`);
  assert.deepEqual(findings, []);
  assert.deepEqual(stores[0], {
    name: 'mail',
    format: 'maildir',
    path: '/var/vmail/%d/%n/Maildir',
    layout: { layout: 'fs', separator: '/', prefix: 'INBOX/', inbox: true, utf8: true, escape: '^' },
    control: '/var/control/%u',
    index: '/var/index/%d/%n',
    home: '/var/vmail/%d/%n',
    owner: 'vmail',
    says: 'dovecot keeps maildir in /var/vmail/%d/%n/Maildir (mail_location with the home of userdb static)',
  });
  assert.deepEqual(
    [stores.length, stores[1]?.name, stores[1]?.path, stores[1]?.mailbox, stores[1]?.layout.inbox],
    [2, 'pub lic', '/var/mail/public', 'pub lic', false],
  );
});

test('Dovecot 2.4', () => {
  const { version, stores, findings } = describe(`# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf
dovecot_config_version = 2.4.0
mail_driver = maildir
mail_home = /srv/vmail/%{user | domain}/%{user | username | lower}
mail_path = ~/mail
mail_control_path = %{home}/control
mail_uid = vmail
mailbox_list_layout = fs
mailbox_list_utf8 = yes
mailbox_list_storage_escape_char = "\\\\"
namespace inbox {
  inbox = yes
  separator = /
}
namespace archive {
  mail_path = /archive/%{user}
  prefix = Archive/
  separator = /
}
passdb pam {
}
`);
  assert.equal(version, '2.4.1-4');
  assert.deepEqual(findings, []);
  assert.deepEqual(stores[0], {
    name: 'mail',
    format: 'maildir',
    path: '/srv/vmail/%{user | domain}/%{user | username | lower}/mail',
    layout: { layout: 'fs', separator: '/', prefix: '', inbox: true, utf8: true, escape: '\\' },
    control: '/srv/vmail/%{user | domain}/%{user | username | lower}/control',
    home: '/srv/vmail/%{user | domain}/%{user | username | lower}',
    owner: 'vmail',
    says: 'dovecot keeps maildir in /srv/vmail/%{user | domain}/%{user | username | lower}/mail (mail_driver and mail_path with mail_home)',
  });
  assert.deepEqual([stores[1]?.path, stores[1]?.layout.prefix, stores[1]?.layout.inbox], ['/archive/%{user}', 'Archive/', false]);

  const fields = describe(
    'mail_driver = maildir\nmail_path = ~/Maildir\nuserdb static {\n  fields {\n    gid = vmail\n    home = /v/%{user|domain}/%{user|username}\n    uid = vmail\n  }\n}\n',
  );
  assert.deepEqual(
    [fields.stores[0]?.path, fields.stores[0]?.owner, fields.stores[0]?.layout.inbox],
    ['/v/%{user|domain}/%{user|username}/Maildir', 'vmail', true],
  );
});

test('homes of a passwd-file', () => {
  for (const userdb of [
    'userdb {\n  driver = passwd-file\n  args = username_format=%u /etc/dovecot/users\n}\n',
    'userdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}\n',
  ]) {
    assert.equal(describe(`mail_location = maildir:%h/Maildir\n${userdb}`).stores[0]?.path, '/srv/mail/%d/%n/Maildir');
  }
  assert.equal(
    describe(
      'mail_location = maildir:~/M\nuserdb {\n  driver = passwd-file\n  args = /nowhere\n  default_fields = uid=5000 home=/srv/%d/%n\n}\n',
    ).stores[0]?.path,
    '/srv/%d/%n/M',
  );
});

test('what cannot be known is said', () => {
  const cases: [string, RegExp][] = [
    ['', /looks for it/],
    ['mail_location = \n', /looks for it/],
    [
      'mail_location = maildir:~/Maildir\nuserdb {\n  driver = sql\n  args = /etc/dovecot/sql.conf\n}\n',
      /only a user database knows the homes/,
    ],
    ['mail_location = maildir:/var/vmail/%2.256Nu/%u\n', /modifier other than L/],
    ['mail_location = maildir:/v/%u:LAYOUT=index\n', /layout 'index'/],
    ['mail_location = maildir:/v/%u:INBOX=/i/%u\n', /INBOX lies by itself/],
    ['mail_location = maildir:/v/%u:DIRNAME=d\n', /DIRNAME/],
  ];
  for (const [text, message] of cases) assert.match(describe(text).findings[0]?.message ?? '', message, text);
  assert.equal(describe('mail_location = mdbox:/v/%u\n').stores[0]?.format, 'mdbox');
});

const plain = (pattern: string | undefined): string | undefined => pattern?.replace('%{user}', '%u');

test('alternative storage of sdbox and mdbox', () => {
  for (const text of [
    'mail_location = mdbox:/v/%u:ALT=/alt/%u\n',
    'mail_driver = mdbox\nmail_path = /v/%{user}\nmail_alt_path = /alt/%{user}\n',
  ]) {
    const { stores, findings } = describe(text);
    assert.deepEqual([stores[0]?.format, plain(stores[0]?.path), plain(stores[0]?.alt), findings], ['mdbox', '/v/%u', '/alt/%u', []]);
  }
});

test('mboxes with INBOX in the spool', () => {
  const { stores, findings } = describe('mail_location = mbox:/home/%n/mail:INBOX=/var/mail/%u\nmbox_write_locks = dotlock flock\n');
  const [store] = stores;
  assert.deepEqual(
    [store?.format, store?.path, store?.inbox, store?.locks, findings],
    ['mbox', '/home/%n/mail', '/var/mail/%u', ['dotlock'], []],
  );
});

test('users whose mail lies elsewhere', () => {
  const { stores } = describe('mail_location = mdbox:/v/%d/%n\n');
  const says = (path: string, home: string): string => `uid\t5\nhome\t${home}\nmail\tmdbox:${path}:LAYOUT=fs\n`;
  const users = ['a@x.org', 'b@x.org'];
  assert.equal(strayUsers(`field\tvalue\n${says('/v/x.org/a', '/h/a')}${says('/v/x.org/b', '/h/b')}`, users, stores), undefined);
  assert.equal(strayUsers(`field\tvalue\n${says('/v/x.org/a', '/h/a')}`, users, stores), undefined);
  assert.match(
    strayUsers(`field\tvalue\n${says('/v/x.org/a', '/h/a')}${says('~/mdbox', '/h/b')}`, users, stores)?.message ?? '',
    /mail of 1 of 2 users lies elsewhere: 'b@x\.org' in '\/h\/b\/mdbox'$/,
  );
});

test('locations and homes', () => {
  assert.equal(parseLocation('maildir:/a::b/%u:INDEX=MEMORY', 'x')?.path, '/a:b/%u');
  assert.equal(parseLocation('/var/mail', 'x'), undefined);
  assert.deepEqual(
    [withHome('~', '/h'), withHome('%{ home }/x', '/h/'), withHome('~/x', undefined), withHome('/x', undefined)],
    ['/h', '/h/x', undefined, '/x'],
  );
});

test('Postfix: maildir in homes, virtual mailboxes, delivery by others', () => {
  const homes = describePostfix(
    'home_mailbox = Maildir/\nmydestination = a.org, b.org,\n    c.org\nsmtp_sasl_password_maps = hash:/secret\n',
    sources,
  );
  assert.deepEqual([homes.stores[0]?.path, homes.stores[0]?.home], ['/home/%u/Maildir', '/home/%u']);
  assert.deepEqual(homes.settings, { home_mailbox: 'Maildir/', mydestination: 'a.org, b.org, c.org' });

  const virtual = 'virtual_mailbox_base = /var/vmail/\nvirtual_mailbox_maps = hash:/etc/postfix/vmailbox\nvirtual_uid_maps = static:5000\n';
  const guess = describePostfix(virtual, sources, () => true);
  assert.deepEqual([guess.stores[0]?.path, guess.stores[0]?.owner, guess.findings[0]?.code], ['/var/vmail/%d/%n', '5000', 'discover']);
  assert.deepEqual(describePostfix(virtual, sources, () => false).stores, []);
  for (const other of ['virtual_transport = lmtp:unix:private/dovecot-lmtp\n', '']) {
    assert.deepEqual(
      describePostfix(other === '' ? 'home_mailbox = Maildir/\nmailbox_transport = lmtp:x\n' : virtual + other, sources, () => true).stores,
      [],
    );
  }
  assert.deepEqual([...parsePostconf('rubbish\n\n a = b\nx=\n')], [['x', '']]);
});

test('rubbish throws nothing', () => {
  const line = fc.constantFrom(
    'mail_location = maildir:~/M',
    'mail_location = maildir:%',
    'namespace {',
    'namespace x {',
    '}',
    'userdb {',
    'driver = passwd-file',
    'args = /etc/dovecot/users',
    'mail_path = ~',
    'mail_driver = maildir',
    'mail_home = %h',
    'prefix = a',
    'separator = ^',
    'location = x:y:z',
    'fields {',
    'home = ..',
    '"',
    '= =',
    'type = public',
  );
  fc.assert(fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 30 }), (lines) => void describe(lines.join('\n'))));
  fc.assert(
    fc.property(
      fc.array(fc.string(), { maxLength: 10 }),
      (lines) => void describePostfix(`home_mailbox = ${lines.join('\n')}/\n`, sources),
    ),
  );
});

const doveconf = spawnSync('doveconf', ['--help'], { encoding: 'utf8' }).error === undefined;
const version = spawnSync('/usr/sbin/dovecot', ['--version'], { encoding: 'utf8' }).stdout ?? '';

test(
  'the installed doveconf is understood',
  { skip: doveconf && version.startsWith('2.3') ? false : 'needs doveconf of Dovecot 2.3' },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'mailrecover-doveconf-'));
    try {
      const file = join(dir, 'dovecot.conf');
      writeFileSync(
        file,
        'ssl = no\nmail_location = maildir:~/Maildir:LAYOUT=fs\nmail_plugins = listescape\nuserdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/var/vmail/%d/%n\n}\nnamespace "a b" {\n  inbox = yes\n  separator = /\n}\n',
      );
      const { stdout } = spawnSync('doveconf', ['-c', file, '-n'], { encoding: 'utf8' });
      const { stores, findings } = describe(stdout);
      assert.deepEqual(findings, []);
      assert.deepEqual(
        [stores[0]?.path, stores[0]?.layout.layout, stores[0]?.layout.separator, stores[0]?.layout.escape, stores[0]?.owner],
        ['/var/vmail/%d/%n/Maildir', 'fs', '/', '\\', 'vmail'],
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

test('this host is asked, whatever it has', async () => {
  const found = await discoverStores();
  assert.equal(typeof found.dovecot.present, 'boolean');
  assert.ok(Array.isArray(found.stores) && found.says.length > 0);
  await assert.rejects(discoverStores({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
});
