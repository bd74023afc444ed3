/**
 * Makes small valid repositories by hand from docs/format.md, for tests of readers. Catalog lines are given as text,
 * so a test can also write what no program would. Encryption is by the `age` binary.
 */
import { spawnSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { encodeName, sha256 } from './encoding.ts';

/** A repository in the making. `recipients` empty: not encrypted. */
export type Maker = {
  dir: string;
  recipients: string[];
  host: string;
  privateKey: KeyObject;
  key: string;
  secret: Buffer;
  sequence: number;
  parent?: string;
  sizes: Map<string, number>;
};
/** A raw tar entry; `type` and `linkname` are for tests of hostile packs. */
export type RawEntry = { name: string; content: Buffer; type?: string; linkname?: string };

const FRAME = 4 << 20;

/** Begins a repository in `dir`. */
export function makeRepository(dir: string, recipients: string[] = [], host = 'mx1'): Maker {
  const pair = generateKeyPairSync('ed25519');
  const key = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const secret = Buffer.from(sha256(`secret of ${host}`), 'hex');
  const maker: Maker = { dir, recipients, host, privateKey: pair.privateKey, key, secret, sequence: 0, sizes: new Map() };
  const head = {
    mailrecover: 'repository',
    format: 1,
    id: sha256(dir).slice(0, 32),
    created: '2026-11-20T00:00:00.000Z',
    encrypted: recipients.length > 0,
  };
  put(maker, 'mailrecover.json', Buffer.from(JSON.stringify(head) + '\n'));
  put(maker, `hosts/${sha256(Buffer.from(key, 'hex')).slice(0, 16)}.json`, Buffer.from(JSON.stringify({ host, key }) + '\n'));
  const wrapped = seal(maker, Buffer.from(JSON.stringify({ dedup: 1, secret: secret.toString('hex') }) + '\n'));
  put(maker, `keys/dedup-${fingerprint(secret)}.json${maker.recipients.length > 0 ? '.age' : ''}`, wrapped);
  return maker;
}

function fingerprint(secret: Buffer): string {
  return sha256(Buffer.concat([Buffer.from('mailrecover dedup '), secret])).slice(0, 16);
}

function put(maker: Maker, path: string, bytes: Buffer): void {
  mkdirSync(dirname(join(maker.dir, path)), { recursive: true });
  writeFileSync(join(maker.dir, path), bytes);
}

function seal(maker: Maker, bytes: Buffer): Buffer {
  if (maker.recipients.length === 0) return bytes;
  const run = spawnSync('age', ['-e', ...maker.recipients.flatMap((to) => ['-r', to])], { input: bytes, maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`age: ${run.stderr.toString()}`);
  return run.stdout;
}

function putObject(maker: Maker, kind: string, ending: string, bytes: Buffer): string {
  const name = sha256(bytes) + ending;
  put(maker, `${kind}/${name.slice(0, 2)}/${name}`, bytes);
  maker.sizes.set(name, bytes.length);
  return name;
}

/** A ustar header and its padded content. */
export function tarEntry({ name, content, type = '0', linkname = '' }: RawEntry): Buffer {
  const out = Buffer.alloc(512 + Math.ceil(content.length / 512) * 512);
  out.write(name, 0, 100, 'latin1');
  out.write(
    '0000600\0' + '0000000\0' + '0000000\0' + content.length.toString(8).padStart(11, '0') + '\0' + '00000000000\0' + '        ' + type,
    100,
    'latin1',
  );
  out.write(linkname, 157, 100, 'latin1');
  out.write('ustar\x0000', 257, 'latin1');
  out.write(
    out
      .subarray(0, 512)
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, '0') + '\0 ',
    148,
    'latin1',
  );
  content.copy(out, 512);
  return out;
}

/** Frames and a table frame to the stream that stands in an object. */
function wrap(maker: Maker, frames: Buffer[], table: (places: { offset: number; length: number; raw: number }[]) => Buffer): Buffer {
  const zip = (raw: Buffer): Buffer => zstdCompressSync(raw, { pledgedSrcSize: raw.length });
  const places: { offset: number; length: number; raw: number }[] = [];
  const out: Buffer[] = [];
  let offset = 0;
  for (const raw of frames) {
    const frame = zip(raw);
    places.push({ offset, length: frame.length, raw: raw.length });
    out.push(frame);
    offset += frame.length;
  }
  const foot = Buffer.alloc(16);
  foot.writeUInt32LE(0x184d2a5e, 0);
  foot.writeUInt32LE(8, 4);
  foot.writeBigUInt64LE(BigInt(offset), 8);
  return seal(maker, Buffer.concat([...out, zip(table(places)), foot]));
}

/** Stores a pack (and its tags) and gives its file name. Entries with a name of their own are written as they are. */
export function putPack(maker: Maker, entries: (Buffer | RawEntry)[]): { pack: string; tags: string } {
  const frames: Buffer[] = [];
  const table: object[] = [];
  const shas: string[] = [];
  let pending: Buffer[] = [];
  let length = 0;
  const cut = (): void => {
    if (length > 0) frames.push(Buffer.concat(pending));
    pending = [];
    length = 0;
  };
  for (const entry of entries) {
    const raw = Buffer.isBuffer(entry) ? { name: sha256(entry), content: entry } : entry;
    const bytes = tarEntry(raw);
    const large = raw.content.length > FRAME;
    if (large) cut();
    shas.push(sha256(raw.content));
    table.push({ sha: raw.name, size: raw.content.length, frame: frames.length, at: length + 512 });
    if (large) {
      for (let at = 0; at < bytes.length; at += FRAME) frames.push(bytes.subarray(at, at + FRAME));
      continue;
    }
    pending.push(bytes);
    if ((length += bytes.length) >= FRAME) cut();
  }
  cut();
  const stored = wrap(maker, frames, (places) => {
    const lines = [...table, ...places].map((line) => JSON.stringify(line) + '\n').join('');
    return Buffer.concat([tarEntry({ name: 'table.jsonl', content: Buffer.from(lines) }), Buffer.alloc(1024)]);
  });
  const pack = putObject(maker, 'packs', maker.recipients.length > 0 ? '.tar.zst.age' : '.tar.zst', stored);
  return { pack, tags: putTags(maker, pack, shas) };
}

function putTags(maker: Maker, pack: string, shas: string[]): string {
  const head = { tags: 1, pack, size: maker.sizes.get(pack), secret: fingerprint(maker.secret), key: maker.key };
  const tags = shas.map((sha) => createHmac('sha256', maker.secret).update(Buffer.from(sha, 'hex')).digest('hex').slice(0, 32)).sort();
  const text = signed(maker, [JSON.stringify(head), ...tags]);
  return putObject(maker, 'tags', '.tags.zst', zstdCompressSync(text, { pledgedSrcSize: text.length }));
}

function signed(maker: Maker, lines: string[]): Buffer {
  const text = Buffer.from(lines.map((line) => line + '\n').join(''));
  return Buffer.concat([text, Buffer.from(JSON.stringify({ signature: sign(null, text, maker.privateKey).toString('hex') }) + '\n')]);
}

/**
 * Stores a catalog of the lines given (sections, directories, things; latin1 for rubbish) and gives its file name.
 * A new frame begins at the first section line after each `frameAt` characters.
 */
export function putCatalog(maker: Maker, kind: 'base' | 'delta', packs: string[], lines: string[], frameAt = 1 << 20): string {
  const frames: string[][] = [[JSON.stringify({ catalog: 1, kind, packs })]];
  let length = frameAt;
  for (const line of lines) {
    if (length >= frameAt && (line.startsWith('{"mailbox"') || frames.length === 1)) {
      frames.push([]);
      length = 0;
    }
    frames.at(-1)?.push(line);
    length += line.length;
  }
  const stored = wrap(
    maker,
    frames.map((own) => Buffer.from(own.map((line) => line + '\n').join(''), 'latin1')),
    (places) =>
      Buffer.from(
        places
          .map(({ offset, length: size }, frame) => {
            const head = frames[frame]?.[0] ?? '';
            const { mailbox, store, area } = (head.startsWith('{"mailbox"') && head.endsWith('}') ? JSON.parse(head) : {}) as Record<
              string,
              string
            >;
            return JSON.stringify({ frame, offset, length: size, mailbox, store, area }) + '\n';
          })
          .join(''),
      ),
  );
  return putObject(maker, 'catalogs', maker.recipients.length > 0 ? '.jsonl.zst.age' : '.jsonl.zst', stored);
}

/** Commits a snapshot and gives its id. `head` replaces fields of the first line. */
export function putSnapshot(maker: Maker, catalogs: string[], packs: { pack: string; tags: string }[], head: object = {}): string {
  const counts = { mailboxes: 1, folders: 1, messages: 1, bytes: 1 };
  const added = { messages: 1, bytes: 1, stored: 1 };
  const first = {
    snapshot: 1,
    host: maker.host,
    key: maker.key,
    sequence: ++maker.sequence,
    ...(maker.parent === undefined ? {} : { parent: maker.parent }),
    time: `2026-11-20T02:00:${String(maker.sequence % 60).padStart(2, '0')}.000Z`,
    outcome: 'complete',
    counts,
    added,
    tool: 'mailrecover 0.1.0',
    ...head,
  };
  const size = (name: string): number => maker.sizes.get(name) ?? 0;
  const lines = [
    first,
    ...catalogs.map((catalog) => ({ catalog, size: size(catalog) })),
    ...packs
      .map(({ pack }) => pack)
      .sort()
      .map((pack) => ({ pack, size: size(pack) })),
    ...packs
      .map(({ tags }) => tags)
      .sort()
      .map((tags) => ({ tags, size: size(tags) })),
  ];
  const text = signed(
    maker,
    lines.map((line) => JSON.stringify(line)),
  );
  maker.parent = sha256(text);
  const { key, sequence } = first as { key: string; sequence: number };
  put(maker, snapshotPath(maker.parent, sequence, key), text);
  return maker.parent;
}

/** Where a snapshot lies below the repository. */
export function snapshotPath(id: string, sequence: number, key: string): string {
  return `snapshots/${sha256(Buffer.from(key, 'hex')).slice(0, 16)}/${String(sequence).padStart(8, '0')}-${id}.jsonl`;
}

// Lines of catalogs. Names are given as text or bytes and encoded here; times as seconds and microseconds.

const OWNER = { user: 'root', group: 'root' };

export function section(mailbox: string, root: string, extra: object = {}): string {
  return JSON.stringify({ mailbox: encodeName(mailbox), store: 'mail', area: 'mail', root: encodeName(root), ...extra });
}
export function dir(path: Buffer | string, mtime = '1795214400.000000', extra: object = {}): string {
  return JSON.stringify({ dir: encodeName(path), mode: '700', ...OWNER, mtime, ...extra });
}
/** A line that only names a directory, or says that one is gone. */
export function bareDir(path: Buffer | string, gone = false): string {
  return JSON.stringify({ dir: encodeName(path), ...(gone ? { gone: true } : {}) });
}
export function file(name: Buffer | string, parts: { bytes: Buffer; pack: number }[], mtime: string, extra: object = {}): string {
  const size = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  return JSON.stringify({
    file: encodeName(name),
    mode: '600',
    ...OWNER,
    mtime,
    size,
    parts: parts.map((part) => `${sha256(part.bytes)}:${part.pack}`),
    ...extra,
  });
}
export function link(name: Buffer | string, to: Buffer | string, mtime: string): string {
  return JSON.stringify({ link: encodeName(name), to: encodeName(to), ...OWNER, mtime });
}
/** A message; `attributes` false leaves out mode and owner, as where they equal those before. */
export function message(
  name: Buffer | string,
  where: 'cur' | 'new',
  bytes: Buffer,
  pack: number,
  mtime: string,
  attributes = true,
  extra: object = {},
): string {
  const full = Buffer.from(name as Buffer);
  const colon = full.indexOf(':');
  const at = colon < 0 ? full.length : colon;
  return JSON.stringify({
    msg: encodeName(full.subarray(0, at)),
    in: where,
    flags: encodeName(full.subarray(at)),
    ...(attributes ? { mode: '600', ...OWNER } : {}),
    mtime,
    size: bytes.length,
    sha: sha256(bytes),
    pack,
    ...extra,
  });
}
