/** What released versions put into repositories for people without mailrecover: from the repositories that are kept of them. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { list } from 'tar';

const NAMES = ['recover.sh', 'RECOVER.md'];

/** The module src/repository/recover/released.ts. @param fixtures the directory that has one for each released version */
export async function releasedModule(fixtures: string): Promise<string> {
  const versions = readdirSync(fixtures, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const lines: string[] = [];
  for (const version of versions) {
    const found = new Map<string, string>();
    await list({
      file: join(fixtures, version, 'repository.tar.gz'),
      onReadEntry: (entry) => {
        const name = NAMES.find((each) => entry.path.endsWith(`/${each}`));
        const hash = createHash('sha256');
        entry.on('data', (chunk) => hash.update(chunk));
        entry.on('end', () => {
          if (name !== undefined) found.set(name, hash.digest('hex'));
        });
      },
    });
    for (const name of NAMES) lines.push(`  { version: '${version}', name: '${name}', sha256: '${found.get(name) ?? ''}' },`);
  }
  return [
    '/** What released versions put beside the objects of a repository. Made by tools/generate.ts from the repositories in test/compat. */',
    'export const RELEASED: readonly { version: string; name: string; sha256: string }[] = [',
    ...lines,
    '];',
    '',
  ].join('\n');
}
