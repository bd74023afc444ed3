import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { notBuilt } from '../support/binary.ts';
import { noAuthority } from '../support/cloud/authority.ts';
import { hooks, SIGNING_SECRET } from '../support/cloud/hooks.ts';
import { missing } from '../support/host.ts';
import { until } from '../support/ports.ts';
import { ANNA, BEN, driveDomain, linksWorld } from './links-world.ts';

const skip = noAuthority() || notBuilt();
if (skip === false) await links();
else test('links at Google Drive', { skip }, () => undefined);

interface Link {
  id: string;
  url: string;
  state: string;
  sha256: string;
  expiresAt: string;
}

async function links(): Promise<void> {
  const here = linksWorld();
  const { host } = here;
  const { domain, account } = await driveDomain(here);
  const { drive } = domain;
  const place = { name: 'drive', kind: 'drive', account: 'files' };
  const tell = (more: object = {}): void => host.tell({ accounts: [account], links: [{ ...place, ...more }] });
  tell();
  const idOf = (link: Link): string => /\/d\/(\w+)\//.exec(link.url)?.[1] ?? '';
  const run = async (
    ...args: string[]
  ): Promise<{ code: number | null; link: Link; links: Link[]; findings: { code: string; message: string }[]; all: string }> => {
    const ran = await host.run('links', ...args, '--json');
    const json = ran.json();
    return {
      code: ran.code,
      link: json['link'] as Link,
      links: json['links'] as Link[],
      findings: json.findings,
      all: ran.stdout + ran.stderr,
    };
  };
  const ledger = (): { links: Link[] } => JSON.parse(readFileSync(join(host.state, 'links/ledger.json'), 'utf8')) as { links: Link[] };

  test('those named read it and nobody else, until it is revoked', async () => {
    const { path, bytes } = here.file('anna.tar', 9_000_000);
    const made = await run('create', path, '--to', ANNA, '--to', BEN, '--expires', '2d');
    assert.equal(made.code, 0, made.all);
    const id = idOf(made.link);
    for (const reader of [ANNA, BEN]) assert.ok(drive.read(id, reader)?.equals(bytes));
    for (const reader of ['eve@example.net', undefined]) assert.equal(drive.read(id, reader), undefined);
    const file = drive.files.get(id);
    assert.deepEqual([file?.name, file?.mimeType, drive.mailed], ['anna.tar', 'application/x-tar', []]);
    const ends = file?.permissions.flatMap(({ expirationTime }) => expirationTime ?? []);
    assert.deepEqual(ends, [made.link.expiresAt, made.link.expiresAt]);
    assert.equal(statSync(join(host.state, 'links/ledger.json')).mode & 0o777, 0o600);

    const text = await host.run('links', 'list');
    assert.match(text.stdout, new RegExp(`${made.link.id} +open +drive +anna\\.tar`));
    assert.equal((await run('revoke', made.link.id.slice(0, 5), '--dry-run')).code, 0);
    assert.ok(drive.read(id, ANNA) !== undefined);
    assert.equal((await run('revoke', made.link.id.slice(0, 5))).code, 0);
    assert.equal(drive.read(id, ANNA), undefined);
    assert.equal((await run('revoke', made.link.id)).code, 0, 'once more does nothing');
    assert.deepEqual((await run('list')).links, []);
    assert.deepEqual(
      (await run('list', '--all')).links.map(({ state }) => state),
      ['revoked'],
    );
    assert.equal((await run('revoke', 'nonsense')).code, 2);
    assert.equal((await run('create', path)).code, 2);
    assert.equal((await run('create', here.root, '--to', ANNA)).code, 2);
  });

  test('an account that sets no expiry: later, or by us, and then it is said; a reader without an account is mailed a code', async () => {
    const { path } = here.file('report.html', 100);
    drive.strangers.add(BEN);
    drive.expiry = 'consumer';
    const later = await run('create', path, '--to', ANNA);
    assert.deepEqual([later.code, later.findings], [0, []]);
    assert.deepEqual(
      drive.files.get(idOf(later.link))?.permissions.map(({ expirationTime }) => expirationTime),
      [undefined, later.link.expiresAt],
    );
    drive.expiry = 'never';
    const never = await run('create', path, '--to', ANNA);
    assert.match(never.findings[0]?.message ?? '', /links expire/);
    drive.expiry = 'workspace';
    const stranger = await run('create', path, '--to', BEN);
    assert.deepEqual([stranger.code, drive.mailed], [0, [BEN]]);

    // Its time is up: rights that Google does not end are ended by us.
    const kept = ledger();
    const over = kept.links.find(({ id }) => id === never.link.id);
    assert.ok(over !== undefined);
    Object.assign(over, { expiresAt: Date.now() - 1000 });
    writeFileSync(join(host.state, 'links/ledger.json'), JSON.stringify({ mailrecover: 'links/1', ...kept }));
    assert.equal((await run('list')).findings[0]?.code, 'link-over');
    assert.equal((await run('expire', '--dry-run')).links.length, 1);
    const expired = await run('expire');
    assert.deepEqual([expired.code, expired.links.map(({ id, state }) => [id, state])], [0, [[over.id, 'expired']]]);
    assert.equal(drive.files.has(idOf(never.link)), false);
    assert.ok(drive.files.has(idOf(later.link)));
    const runs = (await host.run('history', '--json')).json()['runs'] as { command: string; counts: Record<string, number> }[];
    assert.ok(
      runs.some(({ command, counts }) => command === 'links expire' && counts['ended'] === 1),
      'what a timer took back is remembered',
    );
  });

  test('a folder that others read is refused, and nothing stays there; so it is with a folder that is not there', async () => {
    const { path } = here.file('secret.txt', 10);
    const before = drive.files.size;
    drive.folders.set('public', [{ id: 'p', type: 'anyone', role: 'reader' }]);
    drive.folders.set('good', []);
    tell({ folder: 'public' });
    const open = await run('create', path, '--to', ANNA);
    assert.deepEqual([open.code, drive.files.size, open.all.includes('anyone')], [1, before, true]);
    tell({ folder: 'nowhere' });
    assert.match((await host.run('links', 'create', path, '--to', ANNA)).stderr, /the folder is not there/);
    tell({ folder: 'good' });
    const good = await run('create', path, '--to', ANNA);
    assert.deepEqual(drive.files.get(idOf(good.link))?.parents, ['good']);
    tell();
  });

  test('what is cut off, busy or forbidden leaves nothing behind, and says what it is', async () => {
    const { path } = here.file('big.bin', 9_000_000);
    const before = [drive.files.size, ledger().links.length];
    const quota = {
      error: { code: 403, message: 'Service Accounts do not have storage quota.', errors: [{ reason: 'storageQuotaExceeded' }] },
    };
    for (const [at, does, exit, says] of [
      [/PUT \/upload\/session/, 'cut', 13, /closed the connection/],
      [/POST \/upload/, { status: 403, body: quota }, 1, /has none of its own/],
      [/POST .*permissions/, { status: 429, headers: { 'retry-after': '30' }, body: {} }, 13, /asks to wait/],
      [
        /GET .*generateIds/,
        { status: 403, body: { error: { message: 'Request had insufficient authentication scopes.' } } },
        12,
        /does not include the right/,
      ],
    ] as const) {
      domain.faults.push({ at, does });
      const failed = await run('create', path, '--to', ANNA);
      assert.equal(failed.code, exit, failed.all);
      assert.match(failed.all, says);
      assert.deepEqual([drive.files.size, ledger().links.length], before);
    }
    // A piece that the server could not take is sent again.
    domain.faults.push({ at: /PUT \/upload\/session/, does: { status: 503, body: {} } });
    const again = await run('create', path, '--to', ANNA);
    assert.ok(drive.read(idOf(again.link), ANNA)?.equals(readFileSync(path)));
    // A link that can't be removed now stays in the ledger.
    domain.faults.push({ at: /DELETE/, does: { status: 503, body: {} } });
    const kept = await run('revoke', again.link.id);
    assert.deepEqual([kept.code, ledger().links.find(({ id }) => id === again.link.id)?.state], [13, 'open']);
    assert.match(kept.findings[0]?.message ?? '', /can still be read/);
  });

  test('a run that is killed while it uploads: the ledger knows the file, and it is removed', async () => {
    const { path } = here.file('killed.bin', 100);
    domain.faults.push({ at: /POST .*permissions/, does: 'hang' });
    const { child, done } = host.start('links', 'create', path, '--to', ANNA);
    const asked = domain.asked.length;
    assert.ok(await until(() => domain.asked.slice(asked).some(({ url }) => url.pathname.endsWith('/permissions')), 60_000));
    assert.ok(child.pid !== undefined);
    process.kill(-child.pid, 'SIGKILL');
    await done;
    const pending = ledger().links.find(({ state }) => state === 'pending');
    assert.ok(pending !== undefined);
    const removed = await run('revoke', pending.id);
    assert.deepEqual([removed.code, [...drive.files.values()].some(({ name }) => name === 'killed.bin')], [0, false]);
  });

  test('sealed for an age recipient first', { skip: missing('age') }, async () => {
    const { secret, identity } = generateIdentity();
    writeFileSync(join(here.root, 'key.txt'), `${secret}\n`, { mode: 0o600 });
    const { path, bytes } = here.file('private.mbox', 200_000);
    const made = await run('create', path, '--to', ANNA, '--encrypt', identity.recipient.text);
    assert.equal(made.code, 0, made.all);
    const file = drive.files.get(idOf(made.link));
    assert.equal(file?.name, 'private.mbox.age');
    const opened = spawnSync('age', ['-d', '-i', join(here.root, 'key.txt')], { input: file.content, maxBuffer: 1 << 24 });
    assert.ok(opened.stdout.equals(bytes));
    assert.deepEqual(readdirSync(join(host.state, 'links')), ['ledger.json'], 'no copy stays here');
    assert.equal((await run('create', path, '--to', ANNA, '--encrypt', 'age1nonsense')).code, 2);
  });

  test('a report behind a link; where there can be none, the report itself goes out', async () => {
    const hook = await hooks(here.tls);
    const transport = {
      name: 'ours',
      kind: 'webhook',
      template: 'generic',
      url: hook.at('generic'),
      token: here.secret('signing', SIGNING_SECRET),
      caFile: here.tls.caFile,
    };
    host.tell({ to: [ANNA], accounts: [account], links: [place], transports: [transport] });
    const report = async (
      ...more: string[]
    ): Promise<{ sent: { status: string; link?: { id: string } }; codes: string[]; text: string }> => {
      const ran = await host.run('report', '--send', '--json', ...more);
      const json = ran.json();
      const sent = json['sent'] as { status: string; link?: { id: string } };
      return { sent, codes: json.findings.map(({ code }) => code), text: hook.taken.at(-1)?.text ?? '' };
    };
    const linked = await report('--link', 'drive');
    assert.equal(linked.sent.status, 'delivered');
    const url = /https:\/\/drive\.google\.com\/\S+/.exec(linked.text)?.[0] ?? '';
    const page = drive.read(/\/d\/(\w+)\//.exec(url)?.[1] ?? '', ANNA)?.toString() ?? '';
    assert.match(page, /<html/);
    assert.ok(linked.text.length < 700 && linked.text.includes(`links revoke ${linked.sent.link?.id ?? '-'}`), linked.text);
    assert.deepEqual([hook.taken.at(-1)?.body['report'], readdirSync(join(host.state, 'links'))], [undefined, ['ledger.json']]);

    const files = drive.files.size;
    domain.faults.push({
      at: /POST \/upload/,
      does: { status: 403, body: { error: { message: 'no', errors: [{ reason: 'storageQuotaExceeded' }] } } },
    });
    const whole = await report('--link', 'drive');
    assert.deepEqual([whole.sent.status, whole.sent.link, whole.codes.includes('link-failed')], ['delivered', undefined, true]);
    assert.match(whole.text, /^There is no link, so this is the report itself: there is no room/);
    assert.ok(whole.text.length > linked.text.length && hook.taken.at(-1)?.body['report'] !== undefined);
    const unknown = await report('--link', 'nowhere', '--lang', 'ja');
    assert.match(unknown.text, /^リンクを作れなかったため/);
    assert.equal(drive.files.size, files);
    tell();
  });

  test('a ledger that can not be understood is no empty one', async () => {
    const { path } = here.file('x.txt', 10);
    const before = drive.files.size;
    const kept = readFileSync(join(host.state, 'links/ledger.json'));
    writeFileSync(join(host.state, 'links/ledger.json'), kept.subarray(0, kept.length / 2));
    assert.equal((await run('list')).code, 4);
    assert.equal((await run('create', path, '--to', ANNA)).code, 4);
    assert.equal(drive.files.size, before);
    writeFileSync(join(host.state, 'links/ledger.json'), kept);
  });
}
