/** Files that a command made, such as `schedule install`: each says so in its first line, with a hash of the rest, so that one that an administrator changed is known. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ioError, systemCode } from '../errors/error.ts';

const HEAD = /^# Made by 'mailrecover ([^']+)' from (\S.*); sha256 of what follows: ([0-9a-f]{64})\n/;

export interface Maker {
  /** The command, such as `schedule install`. */
  by: string;
  /** The configuration that files are made from. */
  config: string;
}

/** Puts the line before a text. */
export function stamped(text: string, { by, config }: Maker): string {
  return `# Made by 'mailrecover ${by}' from ${config}; sha256 of what follows: ${hash('sha256', text)}\n${text}`;
}

/**
 * What lies at a path:
 * - `none`: nothing
 * - `ours`: made by this command from this configuration, and as it was made
 * - `changed`: made by this command from this configuration, and changed since
 * - `foreign`: made from another configuration, by another command, or not by us
 */
export type Owned = { state: 'none'; text: '' } | { state: 'ours' | 'changed' | 'foreign'; text: string; config?: string };

/** @throws MailrecoverError `io` */
export function ownedFile(path: string, { by, config }: Maker): Owned {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { state: 'none', text: '' };
    throw ioError(error, 'read', path);
  }
  const head = HEAD.exec(text);
  if (head?.[2] === undefined || head[1] !== by) return { state: 'foreign', text };
  if (head[2] !== config) return { state: 'foreign', text, config: head[2] };
  return { state: hash('sha256', text.slice(head[0].length)) === head[3] ? 'ours' : 'changed', text };
}
