/** File names made of what strangers chose: names of mailboxes and folders. */
import { createHash } from 'node:crypto';

/** What no name may hold: separators of any system, control characters, and those that turn the direction of writing. */
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001F\u007F-\u009F/\\:*?"<>|\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFD]/g;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const MAX_BYTES = 180;

/** A text as one component of a path, on any system. */
export function safeName(text: string): string {
  let name = text
    .toWellFormed()
    .replace(UNSAFE, '_')
    .replace(/^\.+/, '_')
    .replace(/[. ]+$/, '_')
    .trimStart();
  if (name === '' || RESERVED.test(name)) name = `_${name}`;
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const sum = createHash('sha256').update(text).digest('hex').slice(0, 12);
  let short = '';
  for (const character of name) {
    if (Buffer.byteLength(short) + Buffer.byteLength(character) > MAX_BYTES - 13) break;
    short += character;
  }
  return `${short}~${sum}`;
}

/** Gives each key a name of its own, also where names differ only in case. */
export class NameBook {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** @param key what the name is for; the same key gets the same name */
  nameFor(key: string, wanted: string): string {
    let name = this.#names.get(key);
    if (name !== undefined) return name;
    const plain = safeName(wanted);
    name = plain;
    for (let number = 2; this.#taken.has(name.toLowerCase()); number++) name = `${plain}~${number}`;
    this.#taken.add(name.toLowerCase());
    this.#names.set(key, name);
    return name;
  }
}
