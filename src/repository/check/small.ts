/** The small files of a repository: its marker, the files for people, the hosts' keys, the wrapped dedup secrets. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { MAX_HEADER } from '../age/header.ts';
import type { Identity } from '../age/keys.ts';
import { sealedSize } from '../age/payload.ts';
import { openWhole } from '../envelope.ts';
import { RECOVER_PAGE, RECOVER_SCRIPT } from '../recover/files.ts';
import { decodeRuns, parseRunsPath } from '../runs/object.ts';
import { decodeSecret, encodeSecret, secretFingerprint } from '../secret.ts';
import { hostFingerprint } from '../signing.ts';
import type { Target } from '../target.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';
import type { SnapshotHead } from './snapshots.ts';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a small object; undefined, and noted, where that fails. */
export async function readObject(target: Target, path: string, ledger: Ledger): Promise<Buffer | undefined> {
  try {
    return await target.get(path);
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
    if (error.code === 'not-found') ledger.missing(path);
    else ledger.damaged(path, `can not be read: ${error.message}`);
    return undefined;
  }
}

/** What this version ships, and what the recovery sheet of this host says; the latter where it is known. */
export interface RescueHashes {
  /** SHA-256 by file name. */
  shipped: ReadonlyMap<string, string>;
  /** SHA-256 of recover.sh on the recovery sheet. */
  onSheet: string | undefined;
  /** What versions that were released shipped. */
  released: readonly { version: string; name: string; sha256: string }[];
}

const REWRITE = "put back the one of this version: 'mailrecover recover-script --write'";

/** Compares recover.sh and RECOVER.md with the ones shipped, and with the hash on the sheet. */
export async function checkRescue(
  target: Target,
  listing: Listing,
  { shipped, onSheet, released }: RescueHashes,
  ledger: Ledger,
): Promise<void> {
  for (const name of [RECOVER_SCRIPT, RECOVER_PAGE]) {
    if (!listing.sizes.has(name)) {
      ledger.missing(name, REWRITE);
      continue;
    }
    const bytes = await readObject(target, name, ledger);
    if (bytes === undefined) continue;
    const sha = sha256(bytes);
    const isShipped = sha === shipped.get(name);
    const isOnSheet = name === RECOVER_SCRIPT && sha === onSheet;
    const version = released.find((each) => each.name === name && each.sha256 === sha)?.version;
    if (!isShipped && !isOnSheet && version === undefined)
      ledger.damaged(name, `is not the one that was put there (its SHA-256 is ${sha}); do not run what it says`, { hint: REWRITE });
    else if (!isShipped) {
      const whose = version === undefined ? 'of another version of mailrecover' : `of version ${version}`;
      ledger.findings.push({
        severity: 'info',
        code: 'older-script',
        message: `${name} is ${whose}${isOnSheet ? ', and the one on the recovery sheet' : ', and sound'}`,
        hint: REWRITE,
        subject: name,
      });
    } else if (name === RECOVER_SCRIPT && onSheet !== undefined && !isOnSheet) {
      ledger.findings.push({
        severity: 'warning',
        code: 'sheet-outdated',
        message: `the SHA-256 of recover.sh on the recovery sheet is ${onSheet}, and in the repository lies the script of this version, ${sha}`,
        hint: "write the new one on the sheet; 'mailrecover recover-script --write' notes it here",
        subject: name,
      });
    }
  }
}

/** Whether the history that hosts left is whole; no restore needs it. */
export async function checkRuns(target: Target, listing: Listing, ledger: Ledger): Promise<void> {
  for (const [path, kind] of listing.kinds) {
    const ref = kind === 'runs' ? parseRunsPath(path) : undefined;
    if (ref === undefined) continue;
    try {
      decodeRuns(await target.get(path), ref);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
      // A run that ended meanwhile may have taken it in.
      if (error.code !== 'not-found')
        ledger.damaged(path, 'is damaged', { hint: 'it holds history alone, no restore needs it; it can be removed' });
    }
  }
}

/** Whether hosts/*.json hold the keys that they are named by, and the names that the snapshots state. */
export async function checkHosts(target: Target, listing: Listing, heads: readonly SnapshotHead[], ledger: Ledger): Promise<void> {
  const hint = 'no restore needs it; the next backup of that host writes it again';
  const newest = new Map<string, SnapshotHead>();
  for (const head of heads) {
    const path = `hosts/${hostFingerprint(head.key)}.json`;
    if ((newest.get(path)?.sequence ?? -1) < head.sequence) newest.set(path, head);
  }
  for (const path of newest.keys()) if (!listing.sizes.has(path)) ledger.missing(path, hint);
  for (const [path, kind] of listing.kinds) {
    if (kind !== 'host') continue;
    const bytes = await readObject(target, path, ledger);
    if (bytes === undefined) continue;
    const text = bytes.toString('utf8');
    const stated = hostFile(text);
    const head = newest.get(path);
    if (stated === undefined || path !== `hosts/${hostFingerprint(stated.key)}.json`)
      ledger.damaged(path, 'is not the key that it is named by', { hint });
    else if (
      text !== `${JSON.stringify(stated)}\n` ||
      (head !== undefined && head.host !== stated.host && !heads.some(({ key, host }) => key === stated.key && host === stated.host))
    )
      ledger.damaged(path, 'does not state the name of the host as its snapshots do', { hint });
  }
}

function hostFile(text: string): { host: string; key: string } | undefined {
  try {
    const { host, key } = JSON.parse(text) as { host?: unknown; key?: unknown };
    return typeof host === 'string' && typeof key === 'string' && /^[0-9a-f]{64}$/.test(key) ? { host, key } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The wrapped dedup secrets. Without a key only their shape can be told; with one, that they are the secrets that they are named by.
 * @param own the secret that this host uses
 * @returns the secrets that could be opened, and this host's own, by fingerprint
 */
export async function checkSecrets(
  target: Target,
  listing: Listing,
  options: { encrypted: boolean; identities: readonly Identity[] | undefined; own: Buffer | undefined },
  ledger: Ledger,
): Promise<Map<string, Buffer>> {
  const secrets = new Map<string, Buffer>();
  if (options.own !== undefined) secrets.set(secretFingerprint(options.own), options.own);
  const ending = options.encrypted ? '.json.age' : '.json';
  const hint =
    "no mail is lost; 'mailrecover key add' with an identity wraps it anew, and the next backup of a host without it stores all mail once more";
  for (const fingerprint of secrets.keys())
    if (!listing.sizes.has(`keys/dedup-${fingerprint}${ending}`)) ledger.missing(`keys/dedup-${fingerprint}${ending}`, hint);
  const paths = [...listing.kinds].filter(([, kind]) => kind === 'secret').map(([path]) => path);
  if (paths.length === 0 && secrets.size === 0) ledger.missing(`keys/dedup-…${ending}`, hint);
  for (const path of paths) {
    const bytes = await readObject(target, path, ledger);
    if (bytes === undefined) continue;
    if (options.encrypted && !hasSecretShape(bytes)) {
      ledger.damaged(path, 'is damaged: it is no wrapped dedup secret', { hint });
      continue;
    }
    if (options.encrypted && options.identities === undefined) continue;
    try {
      const secret = decodeSecret(openWhole(bytes, options.encrypted ? options.identities : undefined, path), path);
      if (path === `keys/dedup-${secretFingerprint(secret)}${ending}`) secrets.set(secretFingerprint(secret), secret);
      else ledger.damaged(path, 'is not the secret that it is named by', { hint });
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      if (error.code === 'key') ledger.damaged(path, 'is not wrapped for any of the identities given', { code: 'key', hint });
      else ledger.damaged(path, `is damaged: ${error.message}`, { hint });
    }
  }
  return secrets;
}

/** An age header, and behind it as many bytes as a wrapped secret has. */
function hasSecretShape(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, MAX_HEADER);
  const match = /^age-encryption\.org\/v1\n(?:-> [!-~ ]+\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+--- [A-Za-z0-9+/]{43}\n/.exec(
    head,
  );
  return match !== null && bytes.length - match[0].length === sealedSize(encodeSecret(Buffer.alloc(32)).length);
}
