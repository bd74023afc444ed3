import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createOwners, groupId, groupName, userId, userName } from '../../src/system/owners.ts';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailrecover-owners-'));
  writeFileSync(
    join(dir, 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nvmail:x:5000:5000::/var/vmail:\ntoor:x:0:0::/:\n77:x:78:78::/:\n\nbroken\nworse:x:abc:\n',
  );
  writeFileSync(join(dir, 'group'), 'root:x:0:\nvmail:x:5000:alice,bob\n');
  // Answers like a directory service would; says how often it was asked.
  writeFileSync(
    join(dir, 'getent'),
    `#!/bin/sh\necho "$*" >> '${dir}/asked'\ncase "$1 $3" in\n"passwd 6000"|"passwd ldapuser") echo "ldapuser:*:6000:6000::/home/l:/bin/sh";;\n*) exit 2;;\nesac\n`,
  );
  chmodSync(join(dir, 'getent'), 0o755);
});
after(() => rmSync(dir, { recursive: true, force: true }));

test('names come from the files, then from getent, then are digits', () => {
  const owners = createOwners({ passwd: join(dir, 'passwd'), group: join(dir, 'group'), getent: join(dir, 'getent') });
  assert.equal(owners.userName(0), 'root');
  assert.equal(owners.userName(5000), 'vmail');
  assert.equal(owners.groupName(5000), 'vmail');
  assert.equal(owners.userName(6000), 'ldapuser');
  assert.equal(owners.userName(6000), 'ldapuser');
  assert.equal(owners.userName(4242), '4242');
  assert.equal(owners.groupName(4242), '4242');
  assert.equal(owners.userId('vmail'), 5000);
  assert.equal(owners.userId('toor'), 0);
  assert.equal(owners.userId('ldapuser'), 6000);
  assert.equal(owners.userId('4242'), 4242);
  assert.equal(owners.userId('77'), 78, 'a name of digits that a user has is that user');
  assert.equal(owners.groupId('nobody-there'), undefined);
  assert.equal(owners.groupId('nobody-there'), undefined);
  assert.equal(owners.userId(''), undefined);
  assert.equal(owners.userId('--help'), undefined);
});

test('without files and getent everything is digits', () => {
  for (const getent of [null, '/nowhere/getent']) {
    const owners = createOwners({ passwd: '/nowhere', group: '/nowhere', getent });
    assert.equal(owners.userName(0), '0');
    assert.equal(owners.groupId('12'), 12);
    assert.equal(owners.groupId('x'), undefined);
  }
});

test('this system knows root', () => {
  assert.equal(userName(0), 'root');
  assert.equal(groupName(0), 'root');
  assert.equal(userId('root'), 0);
  assert.equal(groupId('root'), 0);
});
