import { statfsSync } from 'node:fs';

/** Types of file systems whose times come from another host (statfs(2), linux/magic.h): NFS, CIFS, SMB2, FUSE, Ceph, 9P. */
const NETWORK = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x00c36400, 0x01021997]);

/** Whether a path lies on a network file system, whose clock is not this host's; false where it is not there. */
export function isNetworkFileSystem(path: string): boolean {
  try {
    return NETWORK.has(statfsSync(path).type >>> 0);
  } catch {
    return false;
  }
}
