import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { treeSize } from '../compare.ts';
import { measure } from '../measure.ts';
import { type Job, makeTools } from './job.ts';

const MAILBOXES = 20;

/** Where real mail lies, as a tree of one file a message or an archive of one, if anywhere. */
function source(): string | undefined {
  const directory = process.env['MAILRECOVER_CORPUS'] ?? fileURLToPath(new URL('../../../shared/corpora', import.meta.url));
  const archive = join(directory, 'spamassassin.tar.gz');
  return [archive, directory].find((path) => existsSync(path));
}

export const real: Job = {
  name: 'real',
  title: 'size of the repository with real mail',
  async run(bench) {
    const from = source();
    if (!from) return { series: [], checks: [], notes: ['left out: no real mail here (see MAILRECOVER_CORPUS)'] };
    const mail = join(bench.scratch, 'real');
    const messages = deliverAll(from, join(bench.scratch, 'unpacked'), mail);
    await bench.settle();
    const { ours, restic, borg, tar } = makeTools({ ...bench.place, mail });
    const sizes = [];
    for (const tool of [ours, restic, borg, tar]) {
      const named = { ...tool, name: `real ${tool.name}` };
      await bench.fresh(named);
      await measure(named.backup(bench.home(named)), false);
      sizes.push({ name: tool.name, size: treeSize(named.repository(bench.home(named))) });
      bench.drop([named]);
    }
    rmSync(mail, { recursive: true });
    const [mine, other] = sizes;
    return {
      series: [],
      checks: [{ what: `${ours.name} / ${restic.name}`, value: (mine?.size ?? Number.NaN) / (other?.size ?? Number.NaN), limit: 0.55 }],
      notes: [`${messages} messages`, ...sizes.map(({ name, size }) => `${name}: ${(size / 1e6).toFixed(2)} MB`)],
    };
  },
};

/** Copies every file of a tree or archive as a message into one of 20 mailboxes; gives how many there were. */
function deliverAll(from: string, unpacked: string, mail: string): number {
  mkdirSync(unpacked, { recursive: true });
  const archive = statSync(from).isFile();
  if (archive) spawnSync('tar', ['-C', unpacked, '-xzf', from], { stdio: 'inherit' });
  const root = archive ? unpacked : from;
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .toSorted();
  files.forEach((file, index) => {
    const maildir = join(mail, 'example.org', `user${index % MAILBOXES}`, 'Maildir');
    if (index < MAILBOXES) for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, name), { recursive: true });
    copyFileSync(file, join(maildir, 'cur', `${1_100_000_000 + index}.M1P${index}.mail1,S=${statSync(file).size}:2,S`));
  });
  rmSync(unpacked, { recursive: true });
  return files.length;
}
