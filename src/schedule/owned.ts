/** Files that the schedule made: each says so in its first line, with a hash of the rest, so that one that an administrator changed is known. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ioError, systemCode } from '../errors/error.ts';

const HEAD = /^# Made by 'mailrecover schedule install' from (\S.*); sha256 of what follows: ([0-9a-f]{64})\n/;

/** Puts the line before a text. @param config the configuration that it was made from */
export function stamped(text: string, config: string): string {
  return `# Made by 'mailrecover schedule install' from ${config}; sha256 of what follows: ${hash('sha256', text)}\n${text}`;
}

/**
 * What lies at a path:
 * - `none`: nothing
 * - `ours`: made from this configuration, and as it was made
 * - `changed`: made from this configuration, and changed since
 * - `foreign`: made from another configuration, or not by us
 */
export type Owned = { state: 'none'; text: '' } | { state: 'ours' | 'changed' | 'foreign'; text: string; config?: string };

/** @throws MailrecoverError `io` */
export function ownedFile(path: string, config: string): Owned {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { state: 'none', text: '' };
    throw ioError(error, 'read', path);
  }
  const head = HEAD.exec(text);
  if (head?.[1] === undefined) return { state: 'foreign', text };
  if (head[1] !== config) return { state: 'foreign', text, config: head[1] };
  return { state: hash('sha256', text.slice(head[0].length)) === head[2] ? 'ours' : 'changed', text };
}
