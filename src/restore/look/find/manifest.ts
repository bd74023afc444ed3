/** What the index of a repository's headers consists of. Its directory is a cache: anything wrong with it, and it is made anew. */
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../../system/files.ts';
import type { FileFacts } from './files.ts';

const VERSION = 1;
const FILE = 'index.json';

/** Text columns: folded values to search in, each ended by a line feed; `shown` has what people see, separated by tabs. */
export const TEXTS = ['id', 'from', 'to', 'subject', 'shown'] as const;
export type TextColumn = (typeof TEXTS)[number];

/**
 * Columns of records, in the order of their numbers: SHA-256 (32 bytes), time of the Date field (milliseconds, NaN where there is
 * none), where each text ends (one number a text column), and the texts. `bases` are the base names of the rows, percent-encoded lines.
 */
export const COLUMNS = ['shas', 'dates', 'ends', ...TEXTS, 'bases'] as const;
export type Column = (typeof COLUMNS)[number];

/** A snapshot that the index knows: sequence, id, milliseconds since 1970, whether it is complete. */
export type KnownSnapshot = [sequence: number, id: string, time: number, complete: boolean];

/** The snapshots that one key signed. Rows count by the places in `snapshots`. */
export interface KnownChain {
  fingerprint: string;
  host: string;
  snapshots: KnownSnapshot[];
  /** Catalogs of the newest of them. */
  catalogs: string[];
  /** Ids of snapshots that could not be read. */
  bad: string[];
}

export interface Manifest {
  version: number;
  /** Begins the names of all files but this. */
  generation: string;
  columns: Record<Column, FileFacts>;
  rows: FileFacts & { name: string };
  groups: FileFacts & { name: string };
  chains: KnownChain[];
  /** Numbers of records without headers, since these could not be read. */
  unread: number[];
  /** Recipients whose identities have read the repository into this index. */
  readers: string[];
}

/** Reads the manifest; undefined where there is none that can be used. */
export function readManifest(directory: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as Manifest;
    const isFacts = (facts: FileFacts | undefined): boolean => Number.isSafeInteger(facts?.length) && Number.isSafeInteger(facts?.crc);
    const whole =
      manifest.version === VERSION &&
      COLUMNS.every((column) => isFacts(manifest.columns[column])) &&
      isFacts(manifest.rows) &&
      isFacts(manifest.groups);
    return whole && Array.isArray(manifest.chains) && Array.isArray(manifest.unread) && Array.isArray(manifest.readers)
      ? manifest
      : undefined;
  } catch {
    return undefined;
  }
}

/** Puts a new state of the index in place, and removes files that belong to none. */
export function writeManifest(directory: string, manifest: Omit<Manifest, 'version'>): Manifest {
  const whole = { version: VERSION, ...manifest };
  replaceFile(join(directory, FILE), JSON.stringify(whole));
  const kept = new Set([
    FILE,
    'lock',
    manifest.rows.name,
    manifest.groups.name,
    ...COLUMNS.map((column) => fileOf(manifest.generation, column)),
  ]);
  for (const name of readdirSync(directory)) if (!kept.has(name)) rmSync(join(directory, name), { force: true, recursive: true });
  return whole;
}

export function fileOf(generation: string, column: string): string {
  return `${generation}.${column}`;
}

/** A name that no file has yet. */
export function newName(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}
