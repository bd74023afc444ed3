import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

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

/** Bytes that a user without privileges can still write where a path lies; undefined where that can't be told. */
export function freeSpace(path: string): number | undefined {
  try {
    const { bsize, bavail } = statfsSync(path);
    return bsize * bavail;
  } catch {
    return undefined;
  }
}

/** The number of the file system on which a path lies, or will lie where it is not there yet. */
export function deviceOf(path: string | Buffer): number | undefined {
  for (let at = path; ; at = dirname(at.toString())) {
    try {
      return statSync(at).dev;
    } catch {
      if (at.toString() === dirname(at.toString())) return undefined;
    }
  }
}
