import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { powerCut, readTrace, type Survival } from '../powercut.ts';
import { scratch } from '../tmp.ts';
import { type Plan, planned } from './plan.ts';

const PROGRAM = fileURLToPath(new URL('every-way.ts', import.meta.url));

function start(program: string[], ...plans: Plan[]): { status: number | null; signal: string | null; stderr: string } {
  const { status, signal, stderr } = spawnSync(process.execPath, program, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...planned(...plans) },
  });
  return { status, signal, stderr };
}

function script(code: string): string[] {
  return [
    '--input-type=module',
    '-e',
    `import * as fs from 'node:fs'; import * as fsp from 'node:fs/promises'; import { writeSync, openSync } from 'node:fs';\n${code}`,
  ];
}

/** All names below a directory with what they hold. */
function contents(path: Buffer, below = ''): Map<string, string> {
  const result = new Map<string, string>();
  for (const name of readdirSync(path, 'buffer')) {
    const child = Buffer.concat([path, Buffer.from('/'), name]);
    const label = `${below}/${name.toString('latin1')}`;
    const stats = lstatSync(child);
    if (stats.isDirectory()) {
      result.set(label, 'directory');
      for (const [key, value] of contents(child, label)) result.set(key, value);
    } else result.set(label, stats.isSymbolicLink() ? `-> ${readlinkSync(child)}` : readFileSync(child, 'latin1').slice(0, 3000));
  }
  return result;
}

test('a trace of every way to write replays to the same tree', () => {
  const root = scratch('trace');
  const [work, trace] = [join(root, 'work'), join(root, 'trace')];
  mkdirSync(work);
  const ran = start([PROGRAM, work], { do: 'trace', under: [work], file: trace });
  assert.equal(ran.stderr, '');
  assert.equal(ran.status, 0);
  const records = readTrace(trace);
  powerCut({ trace: records, root: work, until: records.length, survival: 'all', into: join(root, 'again') });
  assert.deepEqual(contents(Buffer.from(join(root, 'again'))), contents(Buffer.from(work)));
  // From the middle on, with what lay there as the baseline, it comes to the same.
  const half = records.length >> 1;
  powerCut({ trace: records, root: work, until: half, survival: 'all', into: join(root, 'half') });
  powerCut({
    trace: records.slice(half),
    root: work,
    baseline: join(root, 'half'),
    until: records.length,
    survival: 'all',
    into: join(root, 'whole'),
  });
  assert.deepEqual(contents(Buffer.from(join(root, 'whole'))), contents(Buffer.from(work)));
});

test('a power cut keeps what was synced, and of the rest what is asked for', () => {
  const root = scratch('cut');
  const [work, trace] = [join(root, 'work'), join(root, 'trace')];
  mkdirSync(work);
  const code = `
    const dir = ${JSON.stringify(work)};
    const put = async (name, sync, syncDir) => {
      const handle = await fsp.open(dir + '/.tmp', 'wx'); await handle.writeFile('x'.repeat(2000)); if (sync) await handle.sync(); await handle.close();
      await fsp.rename(dir + '/.tmp', dir + '/' + name);
      if (syncDir) { const d = await fsp.open(dir, 'r'); await d.sync(); await d.close(); }
    };
    await put('durable', true, true); await put('content', true, false); await put('nothing', false, false);`;
  assert.equal(start(script(code), { do: 'trace', under: [work], file: trace }).stderr, '');
  const records = readTrace(trace);
  const after = (survival: Survival, until = records.length, seed = 's'): Map<string, string> => {
    const into = join(root, `${survival}-${until}-${seed}`);
    powerCut({ trace: records, root: work, until, survival, seed, into });
    return contents(Buffer.from(into));
  };
  const full = 'x'.repeat(2000);
  assert.deepEqual([...after('none')], [['/durable', full]]);
  assert.deepEqual([...after('bytes')], [['/durable', full]]);
  assert.deepEqual(Object.fromEntries(after('all')), { '/durable': full, '/content': full, '/nothing': full });
  assert.deepEqual(Object.fromEntries(after('names')), { '/durable': full, '/content': full, '/nothing': '' });
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const state = after('some', records.length, String(seed));
    assert.equal(state.get('/durable'), full);
    seen.add(JSON.stringify([...state].map(([name, text]) => [name, text.length, text.replace(/\0/g, '').length])));
  }
  assert.ok(seen.size > 5, `${seen.size} different outcomes`);
  for (let until = 0; until <= records.length; until++) assert.ok([undefined, full].includes(after('none', until).get('/durable')));
});

test('a process is killed at each of its durable calls, before it takes effect', () => {
  const root = scratch('kill');
  const count = join(root, 'count');
  mkdirSync(join(root, 'all'));
  assert.equal(start([PROGRAM, join(root, 'all')], { do: 'kill', under: [root], at: 0, counter: count }).status, 0);
  const total = statSync(count).size;
  assert.ok(total > 50, `${total} calls`);
  assert.match(readFileSync(count, 'latin1'), /^mcwc[cwstrulm]+$/);
  const done = new Set<string>();
  for (let at = 1; at <= total; at += 7) {
    const work = join(root, `at-${at}`);
    mkdirSync(work);
    const ran = start([PROGRAM, work], { do: 'kill', under: [work], at, counter: `${count}-${at}` });
    assert.equal(ran.signal, 'SIGKILL', `call ${at}: ${ran.stderr}`);
    assert.equal(statSync(`${count}-${at}`).size, at);
    done.add(JSON.stringify([...contents(Buffer.from(work))]));
    if (at === 1) assert.deepEqual([...contents(Buffer.from(work))], []);
  }
  assert.ok(done.size > 5);
});

test('a torn write is there by half', () => {
  const root = scratch('torn');
  const ran = start(script(`fs.writeFileSync(${JSON.stringify(join(root, 'f'))}, 'x'.repeat(100));`), {
    do: 'kill',
    under: [root],
    at: 2,
    torn: true,
    counter: join(root, 'count'),
  });
  assert.equal(ran.signal, 'SIGKILL');
  assert.equal(statSync(join(root, 'f')).size, 50);
});

test('calls fail as planned, in each form, and only there', () => {
  const root = scratch('fail');
  const file = join(root, 'in/f');
  mkdirSync(join(root, 'in'));
  writeFileSync(file, 'content');
  const forms: [string, Plan['kinds']][] = [
    [`fs.readFileSync(f)`, ['read']],
    [`await fsp.readFile(f)`, ['read']],
    [`fs.readSync(openSync(f, 'r'), Buffer.alloc(9))`, ['read']],
    [`const h = await fsp.open(f); await h.read(Buffer.alloc(9))`, ['read']],
    [`const h = await fsp.open(f); await h.readFile()`, ['read']],
    [`await new Promise((ok, no) => fs.createReadStream(f).on('error', no).on('end', ok).resume())`, ['read']],
    [`await new Promise((ok, no) => fs.readFile(f, (e) => e ? no(e) : ok()))`, ['read']],
    [`openSync(f, 'r')`, ['open']],
    [`fs.readdirSync(d)`, ['list']],
    [`await fsp.readdir(d)`, ['list']],
    [`fs.lstatSync(f)`, ['stat']],
    [`writeSync(openSync(f, 'r+'), 'x')`, ['write']],
    [`await fsp.writeFile(f, 'x')`, ['write']],
    [`fs.fsyncSync(openSync(f, 'r'))`, ['sync']],
    [`fs.renameSync(f, o)`, ['rename']],
    [`await fsp.rename(o, f)`, ['rename']],
    [`fs.mkdirSync(d + '/new')`, ['mkdir']],
  ];
  for (const [index, [code, kinds]] of forms.entries()) {
    const counter = join(root, `count-${index}`);
    const whole = `const d = ${JSON.stringify(join(root, 'in'))}, f = d + '/f', o = ${JSON.stringify(join(root, 'o'))};
      let got; try { ${code}; got = 'no error'; } catch (error) { got = error.code; }
      if (got !== 'EIO') { console.error(got); process.exit(1); }
      writeSync(openSync(o, 'w'), 'elsewhere'); fs.readFileSync(o); fs.readdirSync(d); fs.readFileSync(f);`;
    const ran = start(script(whole), {
      do: 'fail',
      under: [join(root, 'in')],
      at: 1,
      errno: 'EIO',
      counter,
      ...(kinds === undefined ? {} : { kinds }),
    });
    assert.equal(ran.status, 0, `${code}: ${ran.stderr}`);
    assert.ok(existsSync(`${counter}.failed`), code);
    writeFileSync(file, 'content');
  }
});

test('a disk that is full stays full', () => {
  const root = scratch('full');
  const code = `let n = 0; for (let i = 0; i < 5; i++) try { fs.writeFileSync(${JSON.stringify(root)} + '/' + i, 'x'); n++ } catch (e) { if (e.code !== 'ENOSPC') throw e; }
    if (n !== 2) throw new Error(String(n));`;
  const ran = start(script(code), {
    do: 'fail',
    under: [root],
    kinds: ['write'],
    at: 3,
    forever: true,
    errno: 'ENOSPC',
    counter: join(root, 'count'),
  });
  assert.equal(ran.stderr, '');
});
