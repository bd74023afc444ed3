/** Users and groups of the host: files belong to them by name, and some programs keep their numbers. */
import { readFileSync } from 'node:fs';

const lines = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[^#:+-][^:]*:[^:]*:\d+:/.test(line));
  } catch {
    return [];
  }
};

/** passwd(5) without passwords, in the order of the numbers. */
export function usersFact(file = '/etc/passwd'): string {
  return sorted(lines(file));
}

/** group(5) without passwords. */
export function groupsFact(file = '/etc/group'): string {
  return sorted(lines(file));
}

function sorted(entries: readonly string[]): string {
  const plain = entries.map((line) => line.split(':').map((field, at) => (at === 1 ? 'x' : field)));
  plain.sort((a, b) => Number(a[2]) - Number(b[2]) || ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  return plain.map((fields) => `${fields.join(':')}\n`).join('');
}
