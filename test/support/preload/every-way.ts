/** Run by the tests of the preload: writes below a directory in every way that Node has. */
import * as fs from 'node:fs';
import { appendFileSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { isMainThread, Worker } from 'node:worker_threads';

const directory = process.argv[2] ?? '';
const at = (name: string): string => join(directory, name);

async function withHandle(name: string, flags: string, use: (handle: FileHandle) => Promise<unknown>): Promise<void> {
  const handle = await open(at(name), flags, 0o600);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

if (isMainThread) {
  await mkdir(at('deep/er/est'), { recursive: true });
  writeFileSync(at('sync'), 'text, ä');
  writeFileSync(at('sync'), new Uint8Array([1, 2, 255]));
  appendFileSync(at('sync'), 'more');
  const fd = openSync(at('tmp'), 'wx', 0o640);
  writeSync(fd, Buffer.from('hello world'), 2, 5);
  writeSync(fd, 'at nine', 9);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(at('tmp'), at('deep/renamed'));
  await writeFile(at('promise'), 'promise');
  await withHandle('handle', 'w', async (handle) => {
    await handle.write(Buffer.from('0123456789'));
    await handle.write('XY', 3);
    await handle.writev([Buffer.from('a'), Buffer.from('bc')]);
    await handle.writeFile('tail');
    await handle.truncate(12);
    await handle.sync();
  });
  await withHandle('handle', 'a', (handle) => handle.appendFile('appended'));
  await withHandle('handle', 'r+', (handle) => handle.write('in place', 1));
  await promisify(fs.writeFile)(at('callback'), 'callback');
  await pipeline([Buffer.from('stream '), Buffer.from('ed')], fs.createWriteStream(at('stream')));
  await withHandle('stream2', 'w', (handle) => pipeline([Buffer.alloc(2500, '7')], handle.createWriteStream()));
  await rename(at('deep/er'), at('er'));
  fs.linkSync(at('sync'), at('hard'));
  fs.symlinkSync('nowhere', at('soft'));
  await fs.promises.copyFile(at('handle'), at('copied'));
  fs.truncateSync(at('copied'), 3);
  fs.writeFileSync(Buffer.from(`${directory}/latin-\xe9`, 'latin1'), 'a name that is not UTF-8');
  fs.mkdirSync(at('gone/below'), { recursive: true });
  writeFileSync(at('gone/below/file'), 'x');
  await rm(at('gone'), { recursive: true });
  fs.mkdirSync(at('gone-too'));
  fs.rmdirSync(at('gone-too'));
  fs.unlinkSync(at('callback'));
  fs.rmSync(at('not there'), { force: true });
  const kept = openSync(at('unlinked'), 'w');
  fs.unlinkSync(at('unlinked'));
  writeSync(kept, 'nobody sees this');
  closeSync(kept);
  await new Promise((resolve) => new Worker(new URL(import.meta.url), { argv: [directory] }).once('exit', resolve));
} else writeFileSync(at('worker'), 'from a thread');
