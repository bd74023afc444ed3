/** Care of a repository that lies on a server, with the real program: copy, forget, prune, erase. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/tmp.ts';
import { hostFor, noS3, noSftp, type Place, s3Place, sftpPlace } from './remote-setting.ts';

async function objectsAt(place: Place, folder: string): Promise<string[]> {
  const target = await place.open();
  const paths: string[] = [];
  for await (const { path } of target.list(folder)) paths.push(path);
  await target.close?.();
  return paths.sort();
}

/** @param other a second place at the server, for a copy */
async function care(place: Place, other: Place): Promise<void> {
  const { run, root, mail, identity } = await hostFor(place, { size: 3000 }, 12);
  const config = join(root, 'etc/m.yaml');
  const away = join(scratch('away'), 'copy');
  // The second place is logged in to as the first is.
  const settings = /^repository:\n((?: .*\n)+)/m.exec(readFileSync(config, 'utf8'))?.[1] ?? '';
  const ways = settings
    .replaceAll(/^ *#.*\n|^  at:.*\n/gm, '')
    .replaceAll(/^/gm, '  ')
    .trimEnd();
  writeFileSync(
    config,
    `${readFileSync(config, 'utf8')}\nretention: {wait: 0s}\ncopies:\n  - name: away\n    at: ${away}\n  - name: far\n    at: ${other.name}\n${ways}\n`,
  );
  const box = (user: string): string => join(mail, `example.org/${user}/Maildir/cur`);
  const put = (user: string, name: string, text: string): void =>
    writeFileSync(join(box(user), `1795214400.${name}.mx1:2,S`), `Subject: ${name}\n\n${text}\n`);
  await run('backup');
  // Alice's old mail goes, so that its pack will be of no use one day; Bob's stays until it is erased.
  for (const name of readdirSync(box('alice'))) rmSync(join(box('alice'), name));
  put('alice', 'M1P1', 'second'.repeat(500));
  await run('backup');
  put('alice', 'M1P2', 'third'.repeat(500));
  put('bob', 'M1P3', 'secret of bob '.repeat(300));
  await run('backup');

  // To a directory, to the same server, and back.
  const copied = await run('copy');
  assert.deepEqual(
    (copied['copies'] as { snapshots: number }[]).map(({ snapshots }) => snapshots),
    [3, 3],
    JSON.stringify(copied),
  );
  assert.equal((await run('copy')).counts['bytes'], 0);
  for (const at of [away, other.name]) {
    assert.equal((await run('check', '--read-data', '--repository', at)).outcome, 'ok');
    // How backups went is known there, too.
    const runs = (await run('history', '--repository', at))['runs'] as { command: string }[];
    assert.ok(runs.filter(({ command }) => command === 'backup').length >= 3, JSON.stringify(runs));
  }
  assert.ok((await objectsAt(other, 'runs')).length > 0);

  // Forgotten, marked, removed. What the copies hold stays.
  const before = await objectsAt(place, 'packs');
  const gone = (await run('snapshots'))['snapshots'] as { id: string; time: string }[];
  const [first] = gone.toSorted((a, b) => (a.time < b.time ? -1 : 1));
  assert.ok(first !== undefined);
  await run('forget', first.id);
  await run('prune');
  await run('backup');
  await run('prune');
  assert.ok((await objectsAt(place, 'packs')).length <= before.length);

  // Bob is erased: nobody finds him in any snapshot.
  rmSync(join(mail, 'example.org/bob'), { recursive: true });
  const certificate = join(root, 'certificate.json');
  const erased = await run(
    'erase',
    '--mailbox',
    'bob@example.org',
    '--identity',
    identity,
    '--yes',
    '--reason',
    'asked for',
    '--certificate',
    certificate,
  );
  assert.ok((erased.counts['erased'] ?? 0) > 0, JSON.stringify(erased));
  assert.ok(existsSync(certificate));
  assert.equal((await run('check', '--read-data', '--identity', identity)).outcome, 'ok');
  assert.doesNotMatch(JSON.stringify(await run('ls', 'latest~1')), /bob@example/);
  await run('restore', 'latest', '--to', join(root, 'back'));
  const kept = 'example.org/alice/Maildir/cur/1795214400.M1P2.mx1:2,S';
  assert.equal(readFileSync(join(root, 'back', kept), 'utf8'), readFileSync(join(mail, kept), 'utf8'));
  assert.ok(!existsSync(join(root, 'back/example.org/bob')));

  // The repository is lost, and comes back from its copy on the server.
  const target = await place.open();
  for await (const { path } of target.list('', { all: true })) await target.remove(path);
  await target.close?.();
  await run('copy', place.name, '--from', 'far', '--init', '--repository', other.name);
  assert.equal((await run('snapshots')).counts['snapshots'], 3);
  assert.equal((await run('check', '--read-data')).findings.filter(({ severity }) => severity === 'error').length, 0);
}

test('copy, forget, prune and erase on an SFTP server', { skip: noSftp, timeout: 300_000 }, async () => {
  const place = await sftpPlace();
  await care(place, { ...place, name: place.name.replace(/repo$/, 'second'), open: () => place.open('second') });
});
test('copy, forget, prune and erase on S3', { skip: noS3, timeout: 300_000 }, async () => {
  const place = await s3Place();
  await care(place, { ...place, name: place.name.replace(/mail$/, 'second'), open: () => place.open('second') });
});
