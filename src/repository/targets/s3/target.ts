/** A repository in a bucket of an S3 server. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { isoTime, now } from '../../../system/clock.ts';
import { rateLimit, type RateLimit } from '../../../system/rate-limit.ts';
import type { StoredObject, Target } from '../../target.ts';
import { formatLocation, type Location } from '../location.ts';
import type { TargetOptions } from '../options.ts';
import { openClient, type Bucket } from './client.ts';
import { answerOf, explainS3, isMissing } from './errors.ts';
import { putInParts } from './multipart.ts';
import { retainer, retainUntil } from './retention.ts';

type S3Location = Extract<Location, { kind: 's3' }>;

export interface S3Tuning {
  /** How long a server may be silent. */
  idleMs?: number;
  /** Objects on one page of a listing; at most 1000. */
  pageSize?: number;
  /** From this size on an object is sent in parts, each of this size. */
  partSize?: number;
}

const IDLE_MS = 60_000;
/** Whole below this: a lost request costs at most this much, and no part is ever left behind. Nearly all objects are smaller. */
const PART_SIZE = 32 * 1024 * 1024;
/** Pieces in which a body goes out and comes in where bandwidth is limited. */
const PIECE = 64 * 1024;
const AT_ONCE = 4;

function md5(data: Uint8Array): Buffer {
  return createHash('md5').update(data).digest();
}

/** A body that goes out no faster than it may. */
function paced(data: Uint8Array, limit: RateLimit): Readable {
  return Readable.from(
    (async function* () {
      for (let at = 0; at < data.length; at += PIECE) {
        const piece = data.subarray(at, at + PIECE);
        await limit.take(piece.length);
        yield piece;
      }
    })(),
    { objectMode: false },
  );
}

/** The bucket, or a folder in it, as a {@link Target}. Calls fail with `unreachable` where it may help to try again. */
export function s3Target(location: S3Location, options: TargetOptions, tuning: S3Tuning = {}): Target {
  const { endpoint, bucket, prefix } = location;
  const { idleMs = IDLE_MS, pageSize, partSize = PART_SIZE } = tuning;
  const { lock, storageClass, ...connection } = options.s3 ?? {};
  const name = formatLocation(location);
  const root = prefix === '' ? '' : `${prefix}/`;
  const up = rateLimit(options.limit?.up);
  const down = rateLimit(options.limit?.down);
  const isPaced = options.limit?.up !== undefined;
  let opening: Promise<Bucket> | undefined;
  /** Whether the server keeps to `If-None-Match: *`; undefined until it was seen. */
  let conditional: 'kept' | 'ignored' | 'refused' | undefined;

  function open(): Promise<Bucket> {
    opening ??= (async () => {
      const sdk = await import('@aws-sdk/client-s3');
      const client = await openClient(endpoint, connection, 4 * (options.atOnce ?? AT_ONCE), idleMs);
      return { sdk, client, bucket, keyOf: (path: string) => root + path };
    })();
    // A credential that could not be read may be there the next time.
    opening.catch(() => (opening = undefined));
    return opening;
  }

  async function told<T>(action: string, path: string, work: (open: Bucket) => Promise<T>): Promise<T> {
    try {
      return await work(await open());
    } catch (error) {
      throw explainS3(error, { action, name, path, bucket, endpoint });
    }
  }

  /** Size, and MD5 where the server tells it. */
  async function head({ client, sdk, keyOf }: Bucket, path: string): Promise<{ size: number; etag: string } | undefined> {
    try {
      const found = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: keyOf(path) }));
      return { size: found.ContentLength ?? 0, etag: (found.ETag ?? '').replaceAll('"', '') };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Sends an object. @returns false where it was not to be replaced, and is there */
  async function send(at: Bucket, path: string, data: Uint8Array, onlyNew: boolean): Promise<boolean> {
    const until = retainUntil(lock);
    const input: PutObjectCommandInput = {
      Bucket: bucket,
      Key: at.keyOf(path),
      ...(onlyNew ? { IfNoneMatch: '*' } : {}),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as NonNullable<PutObjectCommandInput['StorageClass']> }),
      ...(until === undefined ? {} : until),
    };
    try {
      if (data.length > partSize) await putInParts(at, input, data, { partSize, limit: up });
      else {
        const body = isPaced ? paced(data, up) : data;
        const digest = md5(data).toString('base64');
        await at.client.send(new at.sdk.PutObjectCommand({ ...input, Body: body, ContentLength: data.length, ContentMD5: digest }));
      }
      return true;
    } catch (error) {
      const { code, status } = answerOf(error);
      if (onlyNew && (status === 412 || code === 'PreconditionFailed')) {
        conditional = 'kept';
        return false;
      }
      if (onlyNew && (status === 501 || code === 'NotImplemented')) {
        conditional = 'refused';
        return (await head(at, path)) === undefined ? send(at, path, data, false) : false;
      }
      if (until !== undefined && (code === 'InvalidRequest' || code === 'InvalidArgument')) {
        throw new MailrecoverError('config', `the bucket '${bucket}' takes no object lock`, {
          subject: name,
          hint: "it is switched on when a bucket is made ('aws s3api create-bucket --object-lock-enabled-for-bucket …'); or leave out 's3: { lock: … }'",
          cause: error,
        });
      }
      throw error;
    }
  }

  /** Stores what must not be there yet; where the server does not see to that, we look. */
  async function putNew(at: Bucket, path: string, data: Uint8Array): Promise<boolean> {
    if (conditional !== 'kept' && (await head(at, path)) !== undefined) return false;
    const made = await send(at, path, data, conditional !== 'refused' && conditional !== 'ignored');
    // The first time it is tried: a second one must be refused.
    if (made && conditional === undefined) conditional = (await send(at, path, data, true)) ? 'ignored' : 'kept';
    return made;
  }

  /** Stores what may be there: not again where it is the same, so that no version is left behind and a credential that may only add is enough. */
  async function putAny(at: Bucket, path: string, data: Uint8Array): Promise<boolean> {
    if (conditional === 'refused' || conditional === 'ignored') return send(at, path, data, false);
    if (await send(at, path, data, true)) return true;
    const present = await head(at, path);
    if (present?.size === data.length && (present.etag === md5(data).toString('hex') || (await isSame(at, path, data)))) return true;
    return send(at, path, data, false);
  }

  async function isSame(at: Bucket, path: string, data: Uint8Array): Promise<boolean> {
    const present = await fetch(at, path);
    return present.equals(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }

  async function fetch({ client, sdk, keyOf }: Bucket, path: string, range?: string): Promise<Buffer> {
    const found = await client.send(
      new sdk.GetObjectCommand({ Bucket: bucket, Key: keyOf(path), ...(range === undefined ? {} : { Range: range }) }),
    );
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of (found.Body ?? []) as AsyncIterable<Buffer>) {
      await down.take(piece.length);
      pieces.push(piece);
      length += piece.length;
    }
    if (length !== (found.ContentLength ?? length))
      throw new MailrecoverError('unreachable', `'${name}/${path}' broke off while it was read`, { subject: path });
    // Memory of its own, never of a shared pool: threads hand it over whole.
    const whole = Buffer.allocUnsafeSlow(length);
    pieces.reduce((at, piece) => at + piece.copy(whole, at), 0);
    return whole;
  }

  /** All objects below a folder, page by page. */
  async function* pages({ client, sdk, keyOf }: Bucket, folder: string): AsyncGenerator<StoredObject> {
    const below = keyOf(folder === '' ? '' : `${folder}/`);
    let token: string | undefined;
    do {
      const page = await client.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: below,
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(pageSize === undefined ? {} : { MaxKeys: pageSize }),
        }),
      );
      for (const { Key: key = '', Size: size = 0 } of page.Contents ?? [])
        // Some clients make empty objects for folders.
        if (!key.endsWith('/')) yield { path: key.slice(root.length), size };
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Removes an object with all its versions, so that the space is free again; a locked one is left, whole. */
  async function removeAll(at: Bucket, path: string): Promise<void> {
    const { client, sdk, keyOf } = at;
    const Key = keyOf(path);
    const { Versions = [], DeleteMarkers = [] } = await client
      .send(new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix: Key }))
      // A server without versions, or a credential that may not list them.
      .catch((error: unknown) => {
        if (answerOf(error).status === 0) throw error;
        return { Versions: [], DeleteMarkers: [] };
      });
    const versions = [...Versions, ...DeleteMarkers].filter((version) => version.Key === Key && (version.VersionId ?? 'null') !== 'null');
    if (versions.length === 0) {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key }));
      return;
    }
    for (const { VersionId } of versions) {
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key, ...(VersionId === undefined ? {} : { VersionId }) }));
      } catch (error) {
        throw (await lockedError(at, path, VersionId)) ?? error;
      }
    }
  }

  /** Why an object could not be removed, where a lock is the reason. */
  async function lockedError(
    { client, sdk, keyOf }: Bucket,
    path: string,
    version: string | undefined,
  ): Promise<MailrecoverError | undefined> {
    const found = await client
      .send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: keyOf(path), ...(version === undefined ? {} : { VersionId: version }) }))
      .catch(() => undefined);
    const until = found?.ObjectLockRetainUntilDate?.getTime() ?? 0;
    if (until <= now() && found?.ObjectLockLegalHoldStatus !== 'ON') return undefined;
    const why = until > now() ? `locked until ${isoTime(until)}` : 'under a legal hold';
    return new MailrecoverError('refused', `'${name}/${path}' can't be removed: it is ${why}`, {
      subject: path,
      hint: 'nobody can, until then; what is locked is counted again by the next prune',
    });
  }

  const target: Target = {
    location: name,
    put: (path, data, { exclusive = false } = {}) =>
      told('write', path, (at) => (exclusive ? putNew(at, path, data) : putAny(at, path, data))),
    get: (path) => told('read', path, (at) => fetch(at, path)),
    getRange: (path, start, end) =>
      told('read', path, async (at) => {
        if (end <= start) return Buffer.alloc(0);
        try {
          return await fetch(at, path, `bytes=${start}-${end - 1}`);
        } catch (error) {
          if (answerOf(error).status === 416) return Buffer.alloc(0);
          throw error;
        }
      }),
    size: (path) => told('look at', path, async (at) => (await head(at, path))?.size),
    async *list(folder) {
      try {
        yield* pages(await open(), folder);
      } catch (error) {
        throw explainS3(error, { action: 'list', name, path: folder, bucket, endpoint });
      }
    },
    remove: (path) => told('remove', path, (at) => removeAll(at, path)),
    findings: () => weaknesses(name, conditional),
    async close() {
      (await opening?.catch(() => undefined))?.client.destroy();
    },
  };
  if (lock !== undefined)
    target.retain = retainer(lock, open, (path, error) => explainS3(error, { action: 'keep', name, path, bucket, endpoint }));
  return target;
}

function weaknesses(name: string, conditional: string | undefined): Finding[] {
  if (conditional !== 'ignored' && conditional !== 'refused') return [];
  return [
    {
      severity: 'warning',
      code: 'no-conditional-put',
      message: `the server of '${name}' ${conditional === 'ignored' ? 'ignores' : 'does not know'} conditional writes (If-None-Match): two writers of the same name are not told apart there`,
      hint: 'let only one host write there, and leave the switch to a standby to a repository on another server',
      subject: name,
    },
  ];
}
