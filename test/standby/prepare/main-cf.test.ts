import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeMainCf, valueIn } from '../../../src/standby/prepare/main-cf.ts';

const KEEP = ['myhostname', 'inet_interfaces'];

test('the standby keeps its own name and addresses, and gets everything else as it stands', () => {
  const primary = `# of the primary
myhostname = mx1.example.test
mynetworks = 127.0.0.0/8,
# in between
  192.0.2.0/24

virtual_alias_maps = hash:/etc/postfix/virtual
`;
  const standby = `myhostname = mx2.example.test
inet_interfaces =
  127.0.0.1
mynetworks = 127.0.0.0/8
smtp_tls_security_level = none
`;
  const merged = mergeMainCf(primary, standby, KEEP);
  assert.equal(
    merged,
    `myhostname = mx2.example.test
mynetworks = 127.0.0.0/8,
# in between
  192.0.2.0/24

virtual_alias_maps = hash:/etc/postfix/virtual
inet_interfaces =
  127.0.0.1
`,
  );
  assert.equal(mergeMainCf(primary, merged, KEEP), merged, 'a second run changes nothing');
  assert.equal(valueIn(merged, 'mynetworks'), '127.0.0.0/8, 192.0.2.0/24');
});

test('what the standby does not set stays with the default', () => {
  assert.equal(mergeMainCf('myhostname = mx1\na = b', '', KEEP), 'a = b\n');
  assert.equal(mergeMainCf('a = 1\nmyhostname = x\nmyhostname = y\n', 'myhostname = mine', KEEP), 'a = 1\nmyhostname = mine\n');
});
