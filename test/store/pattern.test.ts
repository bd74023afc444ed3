import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MailrecoverError } from '../../src/errors/error.ts';
import { expand, fixedPart, parsePattern } from '../../src/store/pattern.ts';

const path = (pattern: string, user: string): string => expand(parsePattern(pattern), user);

test('variables are filled in as Dovecot does', () => {
  const user = 'Alice@Example.org';
  assert.equal(path('/var/vmail/%d/%n/Maildir', user), '/var/vmail/Example.org/Alice/Maildir');
  assert.equal(path('/home/%u/Maildir', 'alice'), '/home/alice/Maildir');
  assert.equal(path('/v/%Ld/%Ln', user), '/v/example.org/alice');
  assert.equal(path('/v/%d/%1n/%n', user), '/v/Example.org/A/Alice');
  assert.equal(path('/v/%1.2n/%u', user), '/v/li/Alice@Example.org');
  assert.equal(path('/v/%0.2Ln%%/x-%n', user), '/v/al%/x-Alice');
  assert.equal(path('/v/%{domain}/%L{username}', user), '/v/Example.org/alice');
  assert.equal(path('/v/%{user|domain|lower}/%{user | username | substr(0, 1)}/%{user|username}', user), '/v/example.org/A/Alice');
  assert.equal(path('/v/%{user}', user), '/v/Alice@Example.org');
  assert.equal(path('//v///%n//', user), '/v/Alice');
  assert.equal(path('/v/%n', 'alice'), '/v/alice');
  // The domain begins after the first @.
  assert.equal(path('/v/%d/%n', 'a@b@c'), '/v/b@c/a');
  // UTF-8 becomes bytes.
  assert.equal(Buffer.from(path('/v/ü/%n', 'é'), 'latin1').toString(), '/v/ü/é');
});

test('the fixed part ends before the first variable', () => {
  assert.equal(fixedPart(parsePattern('/var/vmail/%d/%n/Maildir')), '/var/vmail');
  assert.equal(fixedPart(parsePattern('/home/user-%u/Maildir')), '/home');
  assert.equal(fixedPart(parsePattern('/%u')), '/');
  assert.equal(fixedPart(parsePattern('/srv/mail/%%x/%u')), '/srv/mail/%x');
  assert.equal(fixedPart(parsePattern('/srv/one/Maildir')), '/srv/one');
});

test('what is no pattern is refused in words', () => {
  const refused: [string, RegExp][] = [
    ['~/Maildir', /home directory/],
    ['%h/Maildir', /home directory/],
    ['%{home}/Maildir', /home directory/],
    ['Maildir/%u', /not absolute/],
    ['', /not absolute/],
    ['/', /root directory/],
    ['/v/../%u', /'\.\.'/],
    ['/v/%d/Maildir', /which mailbox/],
    ['/v/%1n', /which mailbox/],
    ['/v/%x', /'%x' is not a variable of a mailbox/],
    ['/v/100%', /'%' is not a variable/],
    ['/v/%256Nu/%u', /modifier other than L/],
    ['/v/%02n/%u', /pads with zeros/],
    ['/v/%0n/%u', /takes nothing/],
    ['/v/%{user|md5}/%u', /filter 'md5'/],
    ['/v/%{home}/%u', /not a variable of a mailbox/],
    ['/v/%{user', /not a variable/],
    ['/v/\0/%u', /null byte/],
  ];
  for (const [text, message] of refused) {
    assert.throws(
      () => parsePattern(text),
      (error) => error instanceof MailrecoverError && error.code === 'config' && message.test(error.message),
      text,
    );
  }
});

test('names that leave the tree are refused', () => {
  for (const user of ['..@x', 'a/b@x', '@x', 'a', 'a@', 'a@..', '.@x', 'a\0@x', '']) {
    assert.throws(
      () => path('/v/%d/%n', user),
      (error) => error instanceof MailrecoverError && error.code === 'usage',
      user,
    );
  }
});

test('any text is a pattern or a config error, and an expansion stays below the fixed part', () => {
  const piece = fc.constantFrom(
    '/',
    'v',
    '%',
    '%u',
    '%n',
    '%d',
    '%Ln',
    '%1n',
    '%{user|',
    'domain',
    '}',
    '..',
    '.',
    '%%',
    'ü',
    '|lower}',
    '~',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((p) => `/${p.join('')}`),
      ),
      fc.string(),
      (text, user) => {
        try {
          const pattern = parsePattern(text);
          const root = fixedPart(pattern);
          const at = expand(pattern, user);
          assert.ok(at.startsWith(root === '/' ? '/' : `${root}/`), at);
          assert.ok(!at.split('/').some((name) => name === '..' || name === '.'));
        } catch (error) {
          assert.ok(error instanceof MailrecoverError && error.code !== 'bug', String(error));
        }
      },
    ),
  );
});
