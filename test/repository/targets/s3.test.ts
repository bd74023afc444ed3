import { randomBytes } from 'node:crypto';
import { openTarget } from '../../../src/repository/targets/open.ts';
import { noRadosgw, radosgw } from '../../support/radosgw.ts';
import { makeBucket } from '../../support/s3.ts';
import { contract } from './contract.ts';

const skip = noRadosgw();
const server = skip === false ? await radosgw() : undefined;
const bucket = `contract-${randomBytes(4).toString('hex')}`;
if (server !== undefined) {
  Object.assign(process.env, server.env);
  await makeBucket(server, bucket);
}

contract('S3', { skip, many: 40, open: (name) => openTarget(`s3:${server?.endpoint}/${bucket}/deep/${name}`) });
