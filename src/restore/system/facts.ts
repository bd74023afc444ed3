/** What the facts of a restored server say, as plain data; what is missing or damaged of them is empty. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESERVED } from '../../store/system/types.ts';

export interface FactFile {
  path: string;
  role: string;
  by: string;
  secret?: boolean;
}

export interface ServerFacts {
  files: FactFile[];
  instances: { name: string; config: string; queue: string }[];
  databases: { name: string; preset: string; file: string; restore: string[] }[];
  /** By name. */
  packages: Map<string, { version: string; manual: boolean }>;
  users: Map<string, Account>;
  groups: Map<string, Account>;
  /** Units that are enabled, with the directory that wants them. */
  services: [unit: string, by: string][];
  dns: [name: string, type: string, value: string][];
  host: [name: string, value: string][];
}

export interface Account {
  name: string;
  id: number;
  /** For users: group number, comment, home, shell; for groups: members. */
  rest: string[];
}

export function readFacts(directory: string): ServerFacts {
  const text = (name: string): string => {
    try {
      return readFileSync(join(directory, RESERVED, 'facts', name), 'utf8');
    } catch {
      return '';
    }
  };
  return {
    files: jsonLines<FactFile>(text('files.jsonl')).filter(({ path }) => typeof path === 'string'),
    instances: jsonLines<ServerFacts['instances'][number]>(text('instances.jsonl')),
    databases: jsonLines<ServerFacts['databases'][number]>(text('databases.jsonl')),
    packages: parsePackages(text('packages.txt')),
    users: parseAccounts(text('users.txt')),
    groups: parseAccounts(text('groups.txt')),
    services: rows(text('services.txt')).map(([unit = '', by = '']) => [unit, by]),
    dns: rows(text('dns.txt')).map(([name = '', type = '', value = '']) => [name, type, value]),
    host: rows(text('host.txt')).map(([name = '', ...value]) => [name, value.join(' ')]),
  };
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'));
}

function jsonLines<T extends object>(text: string): T[] {
  const values: T[] = [];
  for (const line of text.split('\n')) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null) values.push(value as T);
    } catch {
      // An empty line, or one that was cut.
    }
  }
  return values;
}

export function parsePackages(text: string): ServerFacts['packages'] {
  return new Map(rows(text).map(([name = '', version = '', , manual = '']) => [name, { version, manual: manual === 'manual' }]));
}

export function parseAccounts(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split('\n')) {
    const [name = '', , id = '', ...rest] = line.split(':');
    if (name !== '' && /^\d+$/.test(id)) accounts.set(name, { name, id: Number(id), rest });
  }
  return accounts;
}
