/** An S3 bucket: an address with a signature. It asks nobody who they are. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ioError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import { Refused } from '../refusal.ts';
import type { LinkPlace } from './place.ts';
import { LONGEST_S, presigned, type S3Bucket, type S3Credential } from './presign.ts';

export interface S3Options {
  bucket: S3Bucket;
  /** What stands before the names of objects. */
  prefix: string;
  credential: S3Credential;
  /** Objects below the prefix. */
  store: { put(path: string, data: Uint8Array, options: { exclusive: boolean }): Promise<boolean>; remove(path: string): Promise<void> };
}

/** An object is put whole, from memory. */
const MAX_BYTES = 1 << 30;

export function openS3({ bucket, prefix, credential, store }: S3Options): LinkPlace {
  return {
    kind: 's3',
    async plan({ name }) {
      return `links/${randomBytes(16).toString('hex')}/${name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(-100)}`;
    },
    async share(remote, file, _readers, expiresAt) {
      const at = now();
      const seconds = Math.floor((expiresAt - at) / 1000);
      if (seconds > LONGEST_S)
        throw new Refused({
          code: 'expires',
          permanent: true,
          message: 'a link to an S3 bucket lasts seven days at most',
          hint: '--expires 7d',
        });
      if (file.size > MAX_BYTES)
        throw new Refused({
          code: 'too-large',
          permanent: true,
          message: `'${file.name}' is larger than the 1 GiB that is put into a bucket at once`,
          hint: 'hand out its parts, or use another place',
        });
      const bytes = await readFile(file.path).catch((error: unknown) => {
        throw ioError(error, 'read', file.path);
      });
      await store.put(remote, bytes, { exclusive: true });
      const more = {
        'response-content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name).replace(/['()*]/g, '_')}`,
        'response-content-type': file.contentType,
      };
      const key = prefix === '' ? remote : `${prefix}/${remote}`;
      const notes = ['whoever has this link can read the file: a bucket asks nobody who they are'];
      if (credential.sessionToken !== undefined) notes.push('the link ends with the credential that signed it, which is a temporary one');
      return { url: presigned(bucket, credential, key, { at, seconds, more }), open: true, notes };
    },
    remove: (remote) => store.remove(remote),
  };
}
