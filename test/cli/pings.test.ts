/** Dead man's switches that are told of runs, with a check server that fails in many ways. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readRuns } from '../../src/report/history.ts';
import { sendPing } from '../../src/notify/ping.ts';
import { authority, noAuthority } from '../support/cloud/authority.ts';
import { web } from '../support/cloud/web.ts';
import { freePorts } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';
import { fixture, type Ended } from './program.ts';

const UUID = '3f1d7c1e-2f60-4c5e-8f0e-6c0e2b4b9a10';

interface Pinged {
  method: string;
  path: string;
  rid: string | null;
  query: string;
  body: string;
  login: string | undefined;
}

interface Checks {
  origin: string;
  told: Pinged[];
  /** What the next pings get in place of OK: a status, a text, or `hang` or `cut`. */
  faults: (number | string)[];
}

async function checks(): Promise<Checks> {
  const state: Checks = { origin: '', told: [], faults: [] };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(request.url ?? '', 'http://localhost');
    const fault = state.faults.shift();
    if (fault === 'hang') return;
    if (fault === 'cut') return void request.socket.destroy();
    state.told.push({
      method: request.method ?? '',
      path: url.pathname,
      rid: url.searchParams.get('rid'),
      query: url.search,
      body: Buffer.concat(chunks).toString(),
      login: request.headers.authorization,
    });
    response.statusCode = typeof fault === 'number' ? fault : 200;
    response.end(typeof fault === 'string' ? fault : response.statusCode === 200 ? 'OK' : '<html>no</html>');
  };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  state.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

interface Setting {
  state: string;
  run: (args: string[], details?: Parameters<typeof fixture>[1]) => Promise<Ended & { json: () => Document }>;
}

interface Document {
  outcome: string;
  findings: { severity: string; code: string; message: string }[];
}

function setting(pings: object[]): Setting {
  const root = scratch('pings');
  const config = join(root, 'mailrecover.yaml');
  mkdirSync(join(root, 'mail'));
  const rest = { host: 'mx1', state: join(root, 'state'), encryption: false, stores: [{ path: `${root}/mail/%u` }] };
  writeFileSync(
    config,
    JSON.stringify({ ...rest, repository: { at: join(root, 'repository') }, pings: pings.map((ping) => ({ timeout: 30, ...ping })) }),
    { mode: 0o600 },
  );
  return {
    state: rest.state,
    async run(args, details) {
      const ended = await fixture(['--config', config, '--json', ...args], details);
      return { ...ended, json: () => JSON.parse(ended.out) as Document };
    },
  };
}

describe('pings', () => {
  test('start and end of a run, under one id, with the exit code and the last lines', async () => {
    const server = await checks();
    const { run } = setting([{ verb: 'ends', url: `${server.origin}/${UUID}?create=1` }]);
    for (const [args, exit, path, says] of [
      [['ends', 'ok'], 0, '', 'mx1: ends: ok (exit code 0)'],
      [['ends', 'warning'], 0, '', 'warning: a thing is wrong'],
      [['ends', 'partial'], 3, '/3', 'error: a thing is wrong'],
      [['ends', 'failed', '--code', 'damage'], 4, '/4', 'hint: put it right'],
      [['ends', 'failed', '--code', 'locked'], 11, '/log', 'exit code 11'],
    ] as const) {
      server.told.length = 0;
      const ended = await run([...args]);
      assert.equal(ended.code, exit, ended.err);
      assert.ok(!ended.out.includes('ping'), ended.out);
      assert.deepEqual(
        server.told.map(({ method, path: at }) => [method, at]),
        [
          ['POST', `/${UUID}/start`],
          ['POST', `/${UUID}${path}`],
        ],
      );
      const [start, end] = server.told;
      assert.match(start?.rid ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(end?.rid, start?.rid);
      assert.match(end?.query ?? '', /create=1/);
      assert.ok((end?.body ?? '').includes(says), end?.body);
      assert.equal(start?.body, '');
    }
  });

  test('other commands, errors, bugs and signals', async () => {
    const server = await checks();
    const { run } = setting([
      { verb: 'throws', url: `${server.origin}/a` },
      { verb: 'throws', url: `${server.origin}/plain`, style: 'plain' },
      { verb: 'group waits', url: `${server.origin}/b/` },
      { verb: 'backups', url: `${server.origin}/c` },
    ]);
    assert.equal((await run(['throws', 'unreachable'])).code, 13);
    assert.equal((await run(['throws', 'bug'])).code, 70);
    const other = await run(['ends', 'ok']);
    assert.deepEqual([other.code, other.json().findings.at(-1)?.code], [0, 'ping-unknown']);
    const waited = await run(['--events', 'group', 'waits'], { signalWhen: (err) => (err.includes('waiting') ? 'SIGTERM' : undefined) });
    assert.equal(waited.code, 143);
    assert.deepEqual(
      server.told.map(({ path }) => path),
      ['/a/start', '/a/13', '/a/start', '/a/70', '/b/start', '/b/143'],
    );
    assert.match(server.told[1]?.body ?? '', /it did not work\n +hint: try again/);
  });

  test('a plain check is asked for when it went well, and not otherwise; in part as it is configured', async () => {
    const server = await checks();
    const ping = { verb: 'ends', url: `${server.origin}/push/key?status=up`, style: 'plain' };
    const { run } = setting([ping]);
    await run(['ends', 'ok']);
    await run(['ends', 'failed']);
    await run(['ends', 'partial']);
    assert.deepEqual(
      server.told.map(({ method, path, query }) => [method, path, query]),
      [['GET', '/push/key', '?status=up']],
    );
    const lenient = setting([
      { ...ping, partial: 'success' },
      { verb: 'ends', url: `${server.origin}/x`, partial: 'log', body: false },
    ]);
    server.told.length = 0;
    await lenient.run(['ends', 'partial']);
    assert.deepEqual(server.told.map(({ path, body }) => `${path} ${body}`).toSorted(), ['/push/key ', '/x/log ', '/x/start ']);
  });

  test('what passes is tried again; what does not is a warning in the result and in the history, and the exit code stays', async () => {
    const server = await checks();
    const { run, state } = setting([{ verb: 'ends', url: `${server.origin}/${UUID}` }]);
    server.faults.push(500, 'cut');
    const passed = await run(['ends', 'ok']);
    assert.deepEqual([passed.code, passed.json().findings.filter(({ code }) => code === 'ping-failed')], [0, []], passed.out);
    assert.deepEqual(
      server.told.map(({ path }) => path),
      [`/${UUID}/start`, `/${UUID}/start`, `/${UUID}`],
    );

    server.faults.push(404, 404);
    const refused = await run(['ends', 'ok']);
    const found = refused.json().findings.filter(({ code }) => code === 'ping-failed');
    assert.deepEqual([refused.code, refused.json().outcome, found.length, found[0]?.severity], [0, 'warning', 1, 'warning']);
    assert.ok(!(refused.out + refused.err).includes(UUID), refused.out);
    for (const [fault, says] of [
      [302, /leads elsewhere/],
      ['OK (not found)', /did not count it: not found/],
      [429, /too often/],
    ] as const) {
      server.faults.push(fault);
      const target = { url: `${server.origin}/${UUID}`, style: 'healthchecks' as const };
      assert.match((await sendPing(target, { kind: 'log' }, { rid: UUID, budgetMs: 30_000 })) ?? '', says);
    }
    assert.ok(JSON.stringify(readRuns(state).at(-1)).includes('ping-failed'));
    const failed = await run(['ends', 'failed', '--code', 'damage']);
    assert.equal(failed.code, 4);
  });

  test('a check that hangs, or is not there, ends no run and holds none up for long', async () => {
    const server = await checks();
    const [dead = 1] = await freePorts(1);
    const { run } = setting([
      { verb: 'ends', url: `${server.origin}/x`, timeout: 1 },
      { verb: 'ends', url: `http://127.0.0.1:${dead}/x`, timeout: 1 },
      { verb: 'ends', url: 'https://nowhere.invalid/x', timeout: 1 },
      { verb: 'ends', url: 'file:/nowhere/url', timeout: 1 },
    ]);
    server.faults.push(...Array.from({ length: 10 }, () => 'hang'));
    const ended = await run(['ends', 'ok']);
    const found = ended.json().findings.filter(({ code }) => code === 'ping-failed');
    assert.deepEqual([ended.code, ended.json().outcome, found.length], [0, 'warning', 4], ended.out);
    server.faults.length = 0;
    server.faults.push(...Array.from({ length: 10 }, () => 'hang'));
    const thrown = await run(['throws', 'unreachable']);
    assert.equal(thrown.code, 13);
  });

  test(
    'over HTTPS with an authority of its own, a login in the address, and a body of which the end is kept',
    { skip: noAuthority() },
    async () => {
      const tls = authority();
      const server = await web(tls, () => ({ status: 200, body: 'OK' }));
      const url = new URL(`${server.origin}/ping/slug`);
      url.username = 'me';
      url.password = 'pass word';
      const body = `first\n${'x'.repeat(50)}\n`.repeat(1000) + 'the last line';
      const target = { url: url.href, style: 'healthchecks' as const, caFile: tls.caFile };
      assert.equal(await sendPing(target, { kind: 'success' }, { rid: UUID, body, budgetMs: 20_000 }), undefined);
      const [asked] = server.asked;
      assert.equal(asked?.headers.authorization, `Basic ${Buffer.from('me:pass word').toString('base64')}`);
      assert.ok(asked.body.length < 11_000 && asked.body.toString().endsWith('the last line'));
      const { caFile: _none, ...bare } = target;
      const stranger = await sendPing(bare, { kind: 'success' }, { rid: UUID, budgetMs: 20_000 });
      assert.match(stranger ?? '', /not issued by an authority/);
      assert.ok(!(stranger ?? '').includes('slug'));
    },
  );
});
