/** Addresses that carry their own right to read (AWS Signature Version 4, "Authenticating requests: using query parameters"). */
import { createHash, createHmac } from 'node:crypto';
import { isoTime } from '../../system/clock.ts';

export interface S3Bucket {
  /** `https://host[:port]` */
  endpoint: string;
  bucket: string;
  region: string;
  /** The bucket stands in the path; else in the name of the host. */
  pathStyle: boolean;
}

export interface S3Credential {
  accessKey: string;
  secretKey: string;
  sessionToken?: string | undefined;
}

/** The signature covers no more: seven days. */
export const LONGEST_S = 604_800;

/**
 * An address from which the object can be read for so many seconds.
 * @param more further parameters, such as `response-content-disposition`
 */
export function presigned(
  { endpoint, bucket, region, pathStyle }: S3Bucket,
  { accessKey, secretKey, sessionToken }: S3Credential,
  key: string,
  { at, seconds, more = {} }: { at: number; seconds: number; more?: Record<string, string> },
): string {
  const base = new URL(endpoint);
  const host = pathStyle ? base.host : `${bucket}.${base.host}`;
  const path = `/${[...(pathStyle ? [bucket] : []), ...key.split('/')].map(encoded).join('/')}`;
  const time = isoTime(at).replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/s3/aws4_request`;
  const query = Object.entries({
    ...more,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKey}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(seconds),
    'X-Amz-SignedHeaders': 'host',
    ...(sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken }),
  })
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    // By code unit, as the rule has it.
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join('&');
  const canonical = ['GET', path, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  const signingKey = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretKey}`);
  return `${base.protocol}//${host}${path}?${query}&X-Amz-Signature=${hmac(signingKey, text).toString('hex')}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Everything but the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
