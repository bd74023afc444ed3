/** Power cuts while snapshots are replaced and objects removed: what is left is always whole. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseIdentities } from '../format/age.ts';
import { audit } from '../reliability/audit.ts';
import { notBuilt } from '../support/binary.ts';
import { powerCut, readTrace, SURVIVALS } from '../support/powercut.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { useMemory } from '../reliability/world.ts';
import { makeSite, someSnapshots } from './retention-setting.ts';

useMemory();

/** Snapshots may go here; objects that one of them needs may not. */
const anySnapshot = new (class extends Set<string> {
  override has(name: string): boolean {
    return name === '' || /^[0-9a-f]{64}$/.test(name);
  }
})();

test(
  'after a power cut at any moment of erase and prune every snapshot that is there is whole',
  { skip: notBuilt(), timeout: 3_600_000 },
  async (t) => {
    const site = await makeSite();
    site.configure('retention: {wait: 0s}');
    await someSnapshots(site, 3);
    const identities = parseIdentities(readFileSync(site.identity, 'utf8'));
    const base = scratch('power');
    let tried = 0;
    for (const args of [
      ['erase', '--mailbox', 'alice@example.org', '--identity', site.identity, '--reason', 'x', '--yes'],
      ['forget', '--keep-last', '1'],
      ['prune'],
    ]) {
      const baseline = join(base, `${args[0]}-before`);
      cpSync(site.repo, baseline, { recursive: true });
      const file = join(base, `${args[0]}-trace`);
      const ran = await site.run(args, { plans: [{ do: 'trace', under: [site.repo], file }] });
      assert.equal(ran.code, 0, ran.stderr);
      const trace = readTrace(file);
      const step = Math.max(1, Math.floor(trace.length / rounds(8, 2000)));
      for (let until = 1; until <= trace.length; until += step) {
        for (const survival of SURVIVALS) {
          const into = join(base, 'after');
          powerCut({ trace, root: site.repo, baseline, until, survival, seed: `${until}`, into });
          try {
            assert.ok(audit(into, identities, anySnapshot).snapshots.length > 0);
          } catch (error) {
            throw new Error(`${args[0]}, after ${until} of ${trace.length} steps, survived: ${survival}`, { cause: error });
          }
          rmSync(into, { recursive: true });
          tried++;
        }
      }
    }
    t.diagnostic(`${tried} cuts`);
  },
);
