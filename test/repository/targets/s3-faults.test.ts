/** An S3 server that is not what one hopes for: it goes away, is busy, forgets, is locked, or lets us do less. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HeadObjectCommand, ListObjectVersionsCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { parseLocation, type Location } from '../../../src/repository/targets/location.ts';
import type { S3Options, TargetOptions } from '../../../src/repository/targets/options.ts';
import { resilient } from '../../../src/repository/targets/resilient.ts';
import { s3Target, type S3Tuning } from '../../../src/repository/targets/s3/target.ts';
import type { Target } from '../../../src/repository/target.ts';
import { selfSigned } from '../../support/certificate.ts';
import { proxyBefore } from '../../support/proxy.ts';
import { noRadosgw, radosgw, type S3Server } from '../../support/radosgw.ts';
import { makeBucket, s3Client } from '../../support/s3.ts';
import { s3Proxy } from '../../support/s3-proxy.ts';
import { rounds } from '../../support/soak.ts';
import { scratch } from '../../support/tmp.ts';
import { everyCall, isCode, pathsOf, use } from './contract.ts';

const skip = noRadosgw();
const started = skip === false ? await radosgw() : undefined;
const suffix = randomBytes(4).toString('hex');
const BUCKET = `faults-${suffix}`;
const LOCKED = `locked-${suffix}`;
const DAY_MS = 86_400_000;
if (started !== undefined) {
  await makeBucket(started, BUCKET);
  await makeBucket(started, LOCKED, true);
  Object.assign(process.env, {
    MAILRECOVER_TEST_ACCESS: started.accessKey,
    MAILRECOVER_TEST_SECRET: started.secretKey,
    MAILRECOVER_TEST_WRONG: 'wrong',
  });
}

const KEYS: S3Options = { accessKey: 'env:MAILRECOVER_TEST_ACCESS', secretKey: 'env:MAILRECOVER_TEST_SECRET' };

function server(): S3Server {
  if (started === undefined) throw new Error('no server');
  return started;
}

function s3Location(name: string): Extract<Location, { kind: 's3' }> {
  const location = parseLocation(name);
  if (location.kind !== 's3') throw new Error(name);
  return location;
}

interface At {
  endpoint?: string;
  bucket?: string;
  options?: TargetOptions;
  tuning?: S3Tuning;
  patienceMs?: number;
}

/** Opens with what a test wants to be shorter than in life. */
function open(
  folder: string,
  { endpoint = server().endpoint, bucket = BUCKET, options = {}, tuning = {}, patienceMs = 60_000 }: At = {},
): Target {
  const target = s3Target(s3Location(`s3:${endpoint}/${bucket}/${folder}`), { ...options, s3: { ...KEYS, ...options.s3 } }, tuning);
  return resilient(target, { atOnce: 4, patienceMs, firstMs: patienceMs });
}

test('S3: a connection that breaks at any byte costs time and nothing else', { skip, timeout: 300_000 }, async () => {
  const proxy = await proxyBefore(server().port);
  const endpoint = `http://127.0.0.1:${proxy.port}`;
  const large = randomBytes(300_000);
  const work = (target: Target): Promise<void> => everyCall(target, large);
  await use(open('whole', { endpoint }), work);
  const { up, down } = proxy;
  const count = rounds(3, 60);
  for (let number = 0; number < count; number++) {
    const part = (number + 0.5) / count;
    for (const trouble of [{ cutUp: Math.floor(up * part) }, { cutDown: Math.floor(down * part) }]) {
      const folder = `cut-${randomBytes(4).toString('hex')}`;
      proxy.troubles = [trouble];
      await use(open(folder, { endpoint }), work);
      await use(open(folder), async (target) => {
        assert.deepEqual(await pathsOf(target), ['packs/ab/large'], JSON.stringify(trouble));
        assert.ok((await target.get('packs/ab/large')).equals(large));
      });
    }
  }
});

test('S3: a server that hangs, restarts or is busy is asked again', { skip, timeout: 180_000 }, async () => {
  const proxy = await proxyBefore(server().port);
  const body = randomBytes(400_000);
  await use(open('hang', { endpoint: `http://127.0.0.1:${proxy.port}`, tuning: { idleMs: 1500 } }), async (target) => {
    await target.put('first', body);
    for (const trouble of [{ stallUp: 100_000 }, { stallDown: 0 }]) {
      proxy.cut();
      proxy.troubles = [trouble];
      await target.put(`hung-${Object.keys(trouble)[0]}`, body);
    }
    proxy.refusing = true;
    proxy.cut();
    const waiting = target.get('hung-stallUp');
    setTimeout(() => (proxy.refusing = false), 1500);
    assert.ok((await waiting).equals(body));
  });
  const busy = await s3Proxy(server());
  await use(open('busy', { endpoint: busy.endpoint }), async (target) => {
    for (const [status, code] of [
      [503, 'SlowDown'],
      [500, 'InternalError'],
      [429, 'TooManyRequests'],
      [400, 'RequestTimeout'],
      [409, 'ConditionalRequestConflict'],
    ] as const) {
      busy.throttled = { times: 1, status, code };
      await target.put(`x-${status}`, body.subarray(0, 1000));
      assert.equal(await target.size(`x-${status}`), 1000);
    }
    // The object was stored, and the answer lost: it was ours all the same.
    busy.swallowed = 1;
    assert.equal(await target.put('locks/mine', Buffer.from('mine'), { exclusive: true }), true);
    assert.equal(await target.put('locks/mine', Buffer.from('other'), { exclusive: true }), false);
    assert.equal((await target.get('locks/mine')).toString(), 'mine');
    busy.throttled = { times: 1, status: 507, code: 'InsufficientStorage' };
    await assert.rejects(target.put('full', body), isCode('no-space'));
    busy.throttled = { times: 1, status: 403, code: 'QuotaExceeded' };
    await assert.rejects(target.put('full', body), isCode('no-space'));
  });
});

test('S3: a provider without conditional writes is found out and told; one writer goes on', { skip }, async () => {
  for (const quirk of ['ignoresConditions', 'refusesConditions'] as const) {
    const proxy = await s3Proxy(server());
    proxy[quirk] = true;
    await use(open(quirk, { endpoint: proxy.endpoint }), async (target) => {
      assert.deepEqual(target.findings?.(), []);
      assert.equal(await target.put('a', Buffer.from('one')), true);
      assert.equal(await target.put('b', Buffer.from('one'), { exclusive: true }), true);
      assert.equal(await target.put('b', Buffer.from('two'), { exclusive: true }), false);
      assert.equal(await target.put('a', Buffer.from('two')), true);
      assert.deepEqual([(await target.get('a')).toString(), (await target.get('b')).toString()], ['two', 'one']);
      const [finding] = target.findings?.() ?? [];
      assert.equal(finding?.code, 'no-conditional-put');
      assert.match(finding.message, quirk === 'ignoresConditions' ? /ignores conditional writes/ : /does not know conditional writes/);
    });
  }
  await use(open('good'), async (target) => {
    await target.put('b', Buffer.from('one'), { exclusive: true });
    assert.deepEqual(target.findings?.(), []);
  });
});

test('S3: listings go over many pages', { skip }, async () => {
  await use(open('pages', { tuning: { pageSize: 3 } }), async (target) => {
    const paths = Array.from({ length: 10 }, (_, number) => `packs/${number}`);
    await Promise.all(paths.map((path) => target.put(path, Buffer.from(path))));
    assert.deepEqual(await pathsOf(target, 'packs'), paths);
  });
});

test('S3: a large object goes in parts, and one that broke off is resumed, not begun anew', { skip, timeout: 120_000 }, async () => {
  const proxy = await proxyBefore(server().port);
  const partSize = 5 * 1024 * 1024;
  const body = randomBytes(3 * partSize + 100_000);
  const place = { endpoint: `http://127.0.0.1:${proxy.port}`, tuning: { partSize } };
  await use(open('parts', place), async (target) => {
    await target.put('whole', body);
    assert.ok((await target.get('whole')).equals(body));
  });
  // Gives up at once, with two parts or three there.
  proxy.troubles = [{}, { cutUp: 1_000_000 }];
  const before = proxy.up;
  await use(open('parts', { ...place, patienceMs: 0 }), (target) => assert.rejects(target.put('resumed', body), isCode('unreachable')));
  const first = proxy.up - before;
  await use(open('parts', place), async (target) => {
    assert.equal(await target.size('resumed'), undefined);
    await target.put('resumed', body);
    assert.ok((await target.get('resumed')).equals(body));
  });
  const second = proxy.up - before - first;
  assert.ok(second < body.length - partSize, `${second} of ${body.length} went up again`);
});

test('S3: bandwidth is held to what was asked for', { skip }, async () => {
  const body = randomBytes(600_000);
  await use(open('slow', { options: { limit: { up: 600_000, down: 600_000 } } }), async (target) => {
    const begun = performance.now();
    await target.put('x', body);
    const put = performance.now() - begun;
    assert.ok((await target.get('x')).equals(body));
    const got = performance.now() - begun - put;
    assert.ok(put > 800 && got > 800, `${put} ${got}`);
  });
});

test('S3: credentials, buckets and certificates that are not right are told as such', { skip }, async () => {
  const refused = async (at: At, code: string, message: RegExp, hint: RegExp): Promise<void> => {
    await use(open('x', { patienceMs: 200, ...at }), (target) =>
      assert.rejects(target.get('x'), (error: Error & { hint?: string }) => {
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        assert.ok(!`${error.message}${error.hint}`.includes(server().secretKey));
        return isCode(code)(error);
      }),
    );
  };
  await refused(
    { options: { s3: { secretKey: 'env:MAILRECOVER_TEST_WRONG' } } },
    'key',
    /does not know this credential \(SignatureDoesNotMatch\)/,
    /secretKey/,
  );
  await refused({ options: { s3: { accessKey: 'env:MAILRECOVER_TEST_WRONG' } } }, 'key', /InvalidAccessKeyId/, /accessKey/);
  await refused({ options: { s3: { accessKey: 'env:MAILRECOVER_NOT_SET' } } }, 'key', /unable to get the access key/, /set it/);
  await refused({ options: { s3: { accessKey: undefined } } }, 'config', /only one half/, /name both/);
  await refused({ bucket: 'no-such-bucket' }, 'no-repository', /there is no bucket 'no-such-bucket'/, /create-bucket/);
  await refused({ endpoint: 'http://127.0.0.1:9' }, 'unreachable', /nothing answers on that port/, /curl -I/);
  await refused({ endpoint: 'http://no-such-host.invalid' }, 'unreachable', /(no host of that name|could not be looked up)/, /curl/);

  const directory = scratch('tls');
  selfSigned('IP:127.0.0.1', join(directory, 'key'), join(directory, 'cert'));
  const { readFileSync } = await import('node:fs');
  const page = createServer(
    { key: readFileSync(join(directory, 'key')), cert: readFileSync(join(directory, 'cert')) },
    (_asked, answer) => {
      answer.writeHead(200, { 'content-type': 'text/plain' });
      answer.end('hello');
    },
  );
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  after(() => page.close());
  const address = page.address();
  const endpoint = `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  await refused({ endpoint }, 'key', /its certificate is not trusted/, /ca:/);
  writeFileSync(join(directory, 'rubbish'), 'rubbish');
  await refused({ endpoint, options: { s3: { ca: join(directory, 'nowhere') } } }, 'key', /unable to read the certificates/, /^$/);
  await use(open('x', { endpoint, options: { s3: { ca: join(directory, 'cert') } } }), async (target) => {
    assert.equal((await target.get('x')).toString(), 'hello');
  });
});

test(
  'S3: what is locked can not be removed by anybody before its time, and backups push that time on',
  { skip, timeout: 120_000 },
  async () => {
    const lock = { mode: 'compliance', days: 10 } as const;
    const client = s3Client(server());
    const until = async (key: string): Promise<number> =>
      (await client.send(new HeadObjectCommand({ Bucket: LOCKED, Key: key }))).ObjectLockRetainUntilDate?.getTime() ?? 0;
    await use(open('repo', { bucket: LOCKED, options: { s3: { lock: { ...lock, mode: 'governance', days: 1 } } } }), async (target) => {
      await target.put('packs/ab/old', Buffer.from('old'));
      await target.put('packs/ab/old', Buffer.from('old'));
      const locked = await until('repo/packs/ab/old');
      assert.ok(locked > Date.now() + DAY_MS && locked < Date.now() + 2 * DAY_MS);
      await assert.rejects(target.remove('packs/ab/old'), (error: Error) => {
        assert.match(error.message, /'s3:.*\/packs\/ab\/old' can't be removed: it is locked until 20/);
        return isCode('refused')(error);
      });
      assert.equal((await target.get('packs/ab/old')).toString(), 'old');
    });
    await use(open('repo', { bucket: LOCKED, options: { s3: { lock } } }), async (target) => {
      assert.ok(target.retain !== undefined);
      await target.put('packs/ab/new', Buffer.from('new'));
      const kept = await target.retain(['packs/ab/old', 'packs/ab/new'], new Map());
      for (const path of ['packs/ab/old', 'packs/ab/new']) {
        const end = await until(`repo/${path}`);
        assert.ok(end > Date.now() + 10 * DAY_MS, path);
        assert.ok(Math.abs(end - (kept.get(path) ?? 0)) < 2000, path);
      }
      // What is known to be kept for long enough costs no request, not even for an object that is gone.
      const known = new Map([['packs/ab/gone', Date.now() + 11 * DAY_MS]]);
      assert.deepEqual(await target.retain(['packs/ab/gone'], known), known);
      await assert.rejects(target.retain(['packs/ab/gone'], new Map()), isCode('not-found'));
      await assert.rejects(target.remove('packs/ab/new'), isCode('refused'));
    });
    // Without a lock of ours, an object in such a bucket is removed with all its versions.
    await use(open('free', { bucket: LOCKED }), async (target) => {
      await target.put('x', Buffer.from('one'));
      await target.put('x', Buffer.from('two'));
      await target.remove('x');
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: LOCKED, Prefix: 'free/x' }));
      assert.deepEqual([Versions.length, DeleteMarkers.length], [0, 0]);
    });
    await use(open('repo', { options: { s3: { lock } } }), (target) =>
      assert.rejects(target.put('x', Buffer.from('x')), (error: Error & { hint?: string }) => {
        assert.match(error.message, /takes no object lock/);
        return isCode('config')(error);
      }),
    );
    client.destroy();
  },
);

test('S3: a credential that may only add stores, one that may only read reads', { skip }, async () => {
  const bucket = `policy-${suffix}`;
  await makeBucket(server(), bucket);
  const client = s3Client(server());
  const allow = async (...denied: string[]): Promise<void> => {
    const Resource = [`arn:aws:s3:::${bucket}/*`];
    const Statement = [{ Effect: 'Deny', Principal: '*', Action: denied, Resource }];
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
  };
  await use(open('repo', { bucket }), async (target) => {
    await allow('s3:DeleteObject', 's3:DeleteObjectVersion');
    await target.put('packs/x', Buffer.from('one'));
    await target.put('packs/x', Buffer.from('one'));
    assert.equal(await target.put('snapshots/x', Buffer.from('one'), { exclusive: true }), true);
    await assert.rejects(target.remove('packs/x'), isCode('key'));
    await allow('s3:DeleteObject', 's3:PutObject');
    await assert.rejects(target.put('packs/y', Buffer.from('one')), (error: Error) => {
      assert.match(error.message, /unable to write .*: this credential does not allow it/);
      return isCode('key')(error);
    });
    assert.equal((await target.get('packs/x')).toString(), 'one');
    assert.deepEqual(await pathsOf(target), ['packs/x', 'snapshots/x']);
  });
  client.destroy();
});
