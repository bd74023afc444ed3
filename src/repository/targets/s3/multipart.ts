/** Objects that are too large for one request. */
import { createHash } from 'node:crypto';
import type { CompletedPart, PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { RateLimit } from '../../../system/rate-limit.ts';
import type { Bucket } from './client.ts';

/** Parts that are sent at once. */
const AT_ONCE = 3;

interface Sent {
  id: string;
  /** By number: the MD5 of the parts that the server has. */
  parts: Map<number, { etag: string; size: number }>;
}

/** An upload of this object that broke off, with the parts that arrived. */
async function unfinished({ client, sdk, bucket }: Bucket, key: string): Promise<Sent | undefined> {
  const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }));
  const found = Uploads.findLast((upload) => upload.Key === key);
  if (found?.UploadId === undefined) return undefined;
  const parts: Sent['parts'] = new Map();
  let marker: string | undefined;
  do {
    const page = await client.send(
      new sdk.ListPartsCommand({
        Bucket: bucket,
        Key: key,
        UploadId: found.UploadId,
        ...(marker === undefined ? {} : { PartNumberMarker: marker }),
      }),
    );
    for (const { PartNumber: number = 0, ETag: etag = '', Size: size = 0 } of page.Parts ?? []) parts.set(number, { etag, size });
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return { id: found.UploadId, parts };
}

/**
 * Sends an object in parts. Where an earlier try broke off, in this run or another, only the parts that are missing are sent: the name of
 * an object is the hash of its bytes, and each part is compared by its MD5. A failure leaves what arrived for the next try.
 * @param input what holds for the whole object
 */
export async function putInParts(
  at: Bucket,
  input: PutObjectCommandInput,
  data: Uint8Array,
  { partSize, limit }: { partSize: number; limit: RateLimit },
): Promise<void> {
  const { client, sdk } = at;
  const { Bucket: bucket, Key: key, IfNoneMatch, ...kept } = input;
  const place = { Bucket: bucket, Key: key };
  const sent = await unfinished(at, key ?? '').catch(() => undefined);
  const id = sent?.id ?? (await client.send(new sdk.CreateMultipartUploadCommand({ ...place, ...kept }))).UploadId;
  const count = Math.ceil(data.length / partSize);
  const parts: CompletedPart[] = [];
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= count) {
      const number = next++;
      const body = data.subarray((number - 1) * partSize, number * partSize);
      const digest = createHash('md5').update(body).digest();
      const present = sent?.parts.get(number);
      if (present?.size === body.length && present.etag.replaceAll('"', '') === digest.toString('hex')) {
        parts[number - 1] = { PartNumber: number, ETag: present.etag };
        continue;
      }
      await limit.take(body.length);
      const { ETag } = await client.send(
        new sdk.UploadPartCommand({
          ...place,
          UploadId: id,
          PartNumber: number,
          Body: body,
          ContentLength: body.length,
          ContentMD5: digest.toString('base64'),
        }),
      );
      parts[number - 1] = { PartNumber: number, ...(ETag === undefined ? {} : { ETag }) };
    }
  };
  // Parts that are under way arrive, though another failed: the next try need not send them.
  const ended = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, count) }, work));
  for (const { reason } of ended.filter((end) => end.status === 'rejected')) throw reason;
  await client.send(
    new sdk.CompleteMultipartUploadCommand({
      ...place,
      UploadId: id,
      MultipartUpload: { Parts: parts },
      ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
    }),
  );
}
