import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Server } from './radosgw.ts';

/** A client of the SDK, for what the program itself does not do. */
export function s3Client({ endpoint, accessKey, secretKey }: S3Server): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** Makes a bucket. @param lock whether objects in it can be locked */
export async function makeBucket(server: S3Server, bucket: string, lock = false): Promise<void> {
  const client = s3Client(server);
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: lock }));
  client.destroy();
}
