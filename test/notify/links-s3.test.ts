import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { presigned } from '../../src/notify/links/presign.ts';
import { notBuilt } from '../support/binary.ts';
import { freePorts } from '../support/ports.ts';
import { noAuthority } from '../support/cloud/authority.ts';
import { noRadosgw, radosgw } from '../support/radosgw.ts';
import { makeBucket } from '../support/s3.ts';
import { ANNA, linksWorld } from './links-world.ts';

test('the signature of the published example', () => {
  // AWS, "Authenticating requests: using query parameters": the example with examplebucket and test.txt.
  const url = presigned(
    { endpoint: 'https://s3.amazonaws.com', bucket: 'examplebucket', region: 'us-east-1', pathStyle: false },
    { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    'test.txt',
    { at: Date.parse('2013-05-24T00:00:00Z'), seconds: 86_400 },
  );
  assert.match(url, /^https:\/\/examplebucket\.s3\.amazonaws\.com\/test\.txt\?/);
  assert.match(url, /X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404$/);
});

test(
  'a bucket of a real server: read by the link, until it is over or revoked',
  { skip: noRadosgw() || noAuthority() || notBuilt() },
  async () => {
    const server = await radosgw();
    const bucket = `links-${randomBytes(6).toString('hex')}`;
    await makeBucket(server, bucket);
    const here = linksWorld();
    const { host, secret } = here;
    const s3 = { accessKey: secret('access', server.accessKey), secretKey: secret('secret', server.secretKey) };
    const tell = (more: object = {}): void =>
      host.tell({ links: [{ name: 'bucket', kind: 's3', at: `s3:${server.endpoint}/${bucket}/mx1`, s3, ...more }] });
    tell();
    const { path, bytes } = here.file('report 失敗.html', 300_000);
    const made = await host.run('links', 'create', path, '--to', ANNA, '--json');
    assert.equal(made.code, 0, made.stdout + made.stderr);
    const link = made.json()['link'] as { id: string; url: string; open: boolean };
    assert.deepEqual([link.open, made.json().outcome, made.json().findings[0]?.code], [true, 'warning', 'link-note']);
    const got = await fetch(link.url);
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
    assert.equal(got.headers.get('content-type'), 'text/html');
    assert.match(got.headers.get('content-disposition') ?? '', /report%20%E5%A4%B1%E6%95%97\.html/);
    for (const [what, changed] of [
      ['another object', link.url.replace('.html', '.txt')],
      ['longer', link.url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800')],
      ['no signature', link.url.replace(/\?.*/, '')],
    ] as const)
      if (changed !== link.url) assert.equal((await fetch(changed)).status, 403, what);

    // The link is the right to read, so that it is told once.
    const ledger = readFileSync(join(host.state, 'links/ledger.json'), 'utf8');
    const listed = await host.run('links', 'list', '--json');
    for (const text of [ledger, listed.stdout]) assert.ok(!text.includes('X-Amz') && text.includes(link.id));
    assert.equal((await host.run('links', 'revoke', link.id)).code, 0);
    const gone = await fetch(link.url);
    assert.equal(gone.status, 404);
    await gone.body?.cancel();

    const long = await host.run('links', 'create', path, '--to', ANNA, '--expires', '8d', '--json');
    assert.deepEqual([long.code, /seven days at most/.test(long.stdout)], [1, true]);
    assert.deepEqual((await host.run('links', 'list', '--json')).json()['links'], [], 'nothing of it stays');
    tell({ s3: { ...s3, secretKey: secret('wrong', 'wrongwrongwrong') } });
    const wrong = await host.run('links', 'create', path, '--to', ANNA);
    assert.equal(wrong.code, 12, wrong.stdout + wrong.stderr);
    const [dead = 1] = await freePorts(1);
    tell({ at: `s3:http://127.0.0.1:${dead}/${bucket}` });
    assert.equal((await host.run('links', 'create', path, '--to', ANNA)).code, 13);
  },
);
