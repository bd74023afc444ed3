/**
 * Links at real providers. Write a configuration with the places to try below 'notify: links' (a folder of Drive, a drive of OneDrive or SharePoint, a
 * bucket; docs/links.md says how), and run
 *   MAILRECOVER_LIVE_CONFIG=/path/mailrecover.yaml MAILRECOVER_LIVE_TO=you@example.org node --test test/notify/links-live.test.ts
 * At each place, or at those that MAILRECOVER_LIVE_PLACES=drive,sharepoint names, a small file is handed out to that address, looked at as somebody whom
 * nobody knows, taken back, and looked at again. The file is gone at the end, also where the test fails.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { scratch } from '../support/tmp.ts';

const config = process.env['MAILRECOVER_LIVE_CONFIG'];
const to = process.env['MAILRECOVER_LIVE_TO'];
const skip =
  config === undefined || to === undefined ? 'needs MAILRECOVER_LIVE_CONFIG and MAILRECOVER_LIVE_TO, for real accounts' : notBuilt();

interface Place {
  name: string;
  kind: 'drive' | 'onedrive' | 's3';
}

function places(): Place[] {
  const { notify } = parse(readFileSync(config ?? '', 'utf8')) as { notify?: { links?: Place[] } };
  const wanted = process.env['MAILRECOVER_LIVE_PLACES']?.split(',');
  return (notify?.links ?? []).filter(({ name }) => wanted?.includes(name) ?? true);
}

async function run(...args: string[]): Promise<{ code: number | null; said: string; json: Record<string, unknown> }> {
  const { code, stdout, stderr } = await mailrecover(['--config', config ?? '', ...args, '--json']);
  return { code, said: stdout + stderr, json: JSON.parse(stdout) as Record<string, unknown> };
}

/** What somebody gets who is signed in nowhere. */
async function asStranger(url: string): Promise<Buffer> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  return Buffer.from(await answer.arrayBuffer());
}

test('every place of a real configuration hands a file out, to those who may read it, and takes it back', { skip }, async (t) => {
  const all = places();
  assert.ok(all.length > 0, "the configuration names no place below 'notify: links'");
  for (const { name, kind } of all) {
    await t.test(name, async () => {
      const bytes = Buffer.concat([Buffer.from('mailrecover link test\n'), randomBytes(5000)]);
      const path = join(scratch('live'), 'mailrecover-link-test.bin');
      writeFileSync(path, bytes);
      const made = await run('links', 'create', path, '--place', name, '--to', to ?? '', '--expires', '1h');
      const link = made.json['link'] as { id: string; url: string; open: boolean } | undefined;
      try {
        assert.ok(link !== undefined && (made.code === 0 || made.code === 3), made.said);
        // A bucket asks nobody who they are; the others must not hand it to a stranger.
        assert.equal(link.open, kind === 's3');
        assert.equal((await asStranger(link.url)).includes(bytes), kind === 's3');
      } finally {
        if (link !== undefined) {
          const revoked = await run('links', 'revoke', link.id);
          assert.equal(revoked.code, 0, revoked.said);
        }
      }
      assert.equal((await asStranger(link.url)).includes(bytes), false);
      const listed = await run('links', 'list', '--all');
      assert.match(JSON.stringify((listed.json['links'] as { id: string }[]).find(({ id }) => id === link.id)), /"revoked"/);
    });
  }
});
