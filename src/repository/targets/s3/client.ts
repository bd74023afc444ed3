/** The connection to an S3 server. */
import { readFileSync } from 'node:fs';
import type * as Sdk from '@aws-sdk/client-s3';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { ioError, MailrecoverError } from '../../../errors/error.ts';
import { readSecret } from '../../../system/secret.ts';
import type { S3Options } from '../options.ts';

/** An open bucket: what every request needs. */
export interface Bucket {
  client: S3Client;
  sdk: typeof Sdk;
  bucket: string;
  /** The key of an object. */
  keyOf: (path: string) => string;
}

const DEFAULT_REGION = 'us-east-1';
const CONNECT_MS = 15_000;

/** The keys of the configuration, else those of the environment; undefined leaves the search to the SDK (profiles, instance roles). */
async function credentialsOf(options: S3Options, endpoint: string): Promise<S3ClientConfig['credentials']> {
  const secret = (reference: string, what: string): Promise<string> => readSecret(reference, `${what} for ${endpoint}`);
  const { accessKey, secretKey, sessionToken } = options;
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (accessKey === undefined || secretKey === undefined) {
    throw new MailrecoverError('config', `of the credential for ${endpoint} only one half is named`, {
      hint: "name both: 's3: { accessKey: …, secretKey: … }'",
    });
  }
  return {
    accessKeyId: await secret(accessKey, 'the access key'),
    secretAccessKey: await secret(secretKey, 'the secret key'),
    ...(sessionToken === undefined ? {} : { sessionToken: await secret(sessionToken, 'the session token') }),
  };
}

function authority(file: string | undefined): { ca?: string } {
  const path = file ?? process.env['AWS_CA_BUNDLE'];
  if (path === undefined || path === '') return {};
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new MailrecoverError('key', ioError(error, 'read the certificates in', path).message, { subject: path, cause: error });
  }
}

/**
 * @param sockets connections at once
 * @param idleMs how long a server may be silent
 */
export async function openClient(endpoint: string, options: S3Options, sockets: number, idleMs: number): Promise<S3Client> {
  const [sdk, credentials] = await Promise.all([import('@aws-sdk/client-s3'), credentialsOf(options, endpoint)]);
  const region = options.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? DEFAULT_REGION;
  return new sdk.S3Client({
    endpoint,
    region,
    forcePathStyle: options.pathStyle ?? true,
    ...(credentials === undefined ? {} : { credentials }),
    // Who calls this tries again, and knows what may be done twice.
    maxAttempts: 1,
    // Ceph and OpenStack refuse bodies with checksums behind them; integrity is by Content-MD5, and end to end by SHA-256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Asking first would take a new connection for every object.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: idleMs,
      httpAgent: { keepAlive: true, maxSockets: sockets },
      httpsAgent: { keepAlive: true, maxSockets: sockets, ...authority(options.ca) },
    },
  });
}
