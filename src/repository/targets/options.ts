import type { SshAccess } from '../../system/ssh/login.ts';

/** How a place that is not a directory of this host is reached. Secrets are references (see `readSecret`). */

export interface S3Options {
  /** References; without them the variables of the environment, profiles and roles are tried as everywhere with S3. */
  accessKey?: string | undefined;
  secretKey?: string | undefined;
  sessionToken?: string | undefined;
  /** `us-east-1` by default. */
  region?: string | undefined;
  /** The bucket stands in the path (default), not in the host name. */
  pathStyle?: boolean | undefined;
  /** Path of a file with the certificates of the authorities that are trusted. */
  ca?: string | undefined;
  storageClass?: string | undefined;
  /** What is stored can't be removed for so many days after the last backup that needed it. */
  lock?: { mode: 'governance' | 'compliance'; days: number } | undefined;
}

export interface TargetOptions {
  /** Bytes a second. */
  limit?: { up?: number | undefined; down?: number | undefined } | undefined;
  /** Objects that are sent or fetched at once. */
  atOnce?: number | undefined;
  /** Seconds for which a server that was reached and no longer answers is tried again. */
  patience?: number | undefined;
  sftp?: SshAccess | undefined;
  s3?: S3Options | undefined;
}

/** What a target tells, and is told, while it works. */
export interface TargetHooks {
  /** Ends waiting for a server that does not answer. */
  signal?: AbortSignal | undefined;
  /** Told why something is tried again. */
  onTrouble?: ((message: string) => void) | undefined;
}
