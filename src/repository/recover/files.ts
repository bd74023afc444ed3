/** What lies in each repository for people without mailrecover. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** The script that restores, and the page that says how. */
export const RECOVER_SCRIPT = 'recover.sh';
export const RECOVER_PAGE = 'RECOVER.md';

export interface RescueFile {
  name: string;
  text: string;
  /** SHA-256 of the text as UTF-8, 64 hex digits. */
  sha256: string;
}

/** The files as this version ships them, which lie beside this module. */
export function rescueFiles(): Promise<RescueFile[]> {
  return Promise.all([RECOVER_SCRIPT, RECOVER_PAGE].map(rescueFile));
}

/** One of them. */
export async function rescueFile(name: string): Promise<RescueFile> {
  const text = await readFile(new URL(name, import.meta.url), 'utf8');
  return { name, text, sha256: createHash('sha256').update(text).digest('hex') };
}
