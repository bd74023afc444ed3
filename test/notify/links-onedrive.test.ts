import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { noAuthority } from '../support/cloud/authority.ts';
import { microsoft } from '../support/cloud/microsoft.ts';
import { issuer } from '../support/cloud/tokens.ts';
import { ANNA, BEN, linksWorld } from './links-world.ts';

const skip = noAuthority() || notBuilt();
if (skip === false) await links();
else test('links at OneDrive', { skip }, () => undefined);

async function links(): Promise<void> {
  const here = linksWorld();
  const { host, tls, secret } = here;
  const cloud = await microsoft({
    tls,
    mailServer: { host: '127.0.0.1', ports: { lmtp: 1 } },
    tenant: '11111111-2222-3333-4444-555555555555',
    clientId: '99999999-8888-7777-6666-555555555555',
    secret: 'Very~Secret.Value',
    mailbox: 'backup@example.test',
    roles: ['Files.ReadWrite.All'],
    scopes: [],
    exchangeIssuer: issuer(),
  });
  const { files } = cloud;
  const account = {
    name: 'm365',
    provider: 'microsoft',
    mailbox: cloud.options.mailbox,
    tenant: cloud.options.tenant,
    clientId: cloud.options.clientId,
    clientSecret: secret('client', 'Very~Secret.Value'),
    caFile: tls.caFile,
    endpoints: { login: cloud.origin, api: cloud.origin },
  };
  const tell = (more: object = {}): void =>
    host.tell({ accounts: [account], links: [{ name: 'od', kind: 'onedrive', account: 'm365', ...more }] });
  tell();
  const create = async (
    path: string,
    ...more: string[]
  ): Promise<{ code: number | null; link: { id: string; url: string; expiresAt: string }; all: string }> => {
    const ran = await host.run('links', 'create', path, '--to', ANNA, ...more, '--json');
    return { code: ran.code, link: ran.json()['link'] as { id: string; url: string; expiresAt: string }, all: ran.stdout + ran.stderr };
  };

  test('a small file and a large one: those named read it and nobody else, until it is revoked', async () => {
    for (const [name, size] of [
      ['report 失敗 #1.html', 1000],
      ['anna.tar', 9_000_000],
    ] as const) {
      const { path, bytes } = here.file(name, size);
      const { code, link, all } = await create(path, '--to', BEN, '--expires', '2d');
      assert.equal(code, 0, all);
      for (const reader of [ANNA, BEN]) assert.ok(files.read(link.url, reader)?.equals(bytes));
      for (const reader of ['eve@example.net', undefined]) assert.equal(files.read(link.url, reader), undefined);
      const item = [...files.items.values()].find(({ content }) => content.equals(bytes));
      assert.ok(item !== undefined && item.path.startsWith('mailrecover/'));
      assert.deepEqual(
        item.permissions.map(({ expirationDateTime }) => expirationDateTime),
        [link.expiresAt],
      );
      assert.equal((await host.run('links', 'revoke', link.id)).code, 0);
      assert.equal(files.read(link.url, ANNA), undefined);
      assert.equal(files.items.size, 0);
    }
    const deleted = cloud.asked.filter(({ method }) => method === 'DELETE').map(({ url }) => url.pathname.includes('/permissions/'));
    assert.deepEqual(deleted, [true, false, true, false], 'the link goes before the file');
    const uploads = cloud.asked.filter(({ url }) => url.pathname.startsWith('/drive-upload/'));
    assert.deepEqual([uploads.length, uploads.some(({ headers }) => headers.authorization !== undefined)], [2, false]);
  });

  test('a library of SharePoint; a folder that others read; an organisation that does not share', async () => {
    const { path } = here.file('x.txt', 10);
    tell({ drive: 'b!library', folder: 'reports' });
    const library = await create(path);
    assert.equal(library.code, 0, library.all);
    assert.deepEqual(
      [...files.items.values()].map(({ drive, path: at }) => [drive, at.split('/')[0]]),
      [['drives/b!library', 'reports']],
    );
    assert.equal((await host.run('links', 'revoke', library.link.id)).code, 0);
    files.shared.set('public', { id: 'p', link: { type: 'view', scope: 'organization', webUrl: 'https://x.invalid/' }, grantedTo: [] });
    tell({ folder: 'public' });
    const open = await create(path);
    assert.deepEqual([open.code, /would let others read it/.test(open.all), files.items.size], [1, true, 0]);
    tell();
    files.closed = true;
    const closed = await create(path);
    assert.deepEqual([closed.code, /does not let this file be shared/.test(closed.all), files.items.size], [1, true, 0]);
    files.closed = false;
  });

  test('what is cut off, busy or forbidden leaves nothing behind, and says what it is', async () => {
    const { path } = here.file('big.bin', 9_000_000);
    for (const [at, does, exit, says] of [
      [/PUT \/drive-upload/, 'cut', 13, /closed the connection/],
      [/createLink$/, { status: 503, body: { error: { code: 'generalException', message: 'busy' } } }, 13, /can't take it now/],
      [/createUploadSession$/, { status: 507, body: { error: { code: 'quotaLimitReached', message: 'full' } } }, 1, /no room in the drive/],
    ] as const) {
      cloud.faults.push({ at, does });
      const failed = await create(path);
      assert.equal(failed.code, exit, failed.all);
      assert.match(failed.all, says);
      assert.equal(files.items.size, 0);
    }
    cloud.faults.push({ at: /PUT \/drive-upload/, does: { status: 503, body: {} } });
    const again = await create(path);
    assert.equal(again.code, 0, again.all);
    cloud.options.roles = ['Mail.Send'];
    tell({ name: 'other' });
    host.tell({ accounts: [{ ...account, name: 'mail' }], links: [{ name: 'od', kind: 'onedrive', account: 'mail' }] });
    const forbidden = await create(path);
    assert.deepEqual([forbidden.code, /no permission for this drive/.test(forbidden.all)], [12, true], forbidden.all);
  });
}
