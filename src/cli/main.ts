/** Where the program starts. It loads nothing that `--version` does not need. */
import { readFileSync } from 'node:fs';
import * as module from 'node:module';
import { privateCache } from '../system/private-cache.ts';

const argv = process.argv.slice(2);
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  process.stdout.write(`${manifest.version}\n`);
} else {
  const cache = privateCache();
  if (cache !== undefined) module.enableCompileCache(cache);
  void import('./start.ts').then(({ start }) => start(argv));
}
