/** How a place that is not a directory of this host is reached. Secrets are references (see `readSecret`). */

export interface SftpOptions {
  /** Reference to a private key. */
  key?: string | undefined;
  /** Reference to its passphrase. */
  passphrase?: string | undefined;
  /** Reference to a password. */
  password?: string | undefined;
  /** Path of an agent's socket. */
  agent?: string | undefined;
  /** Path of a known_hosts file. */
  knownHosts?: string | undefined;
  /** The one key that is right: `SHA256:…`, or a line of a `.pub` file. */
  hostKey?: string | undefined;
}

export interface TargetOptions {
  /** Bytes a second. */
  limit?: { up?: number | undefined; down?: number | undefined } | undefined;
  /** Objects that are sent or fetched at once. */
  atOnce?: number | undefined;
  /** Seconds for which a server that was reached and no longer answers is tried again. */
  patience?: number | undefined;
  sftp?: SftpOptions | undefined;
}

/** What a target tells, and is told, while it works. */
export interface TargetHooks {
  /** Ends waiting for a server that does not answer. */
  signal?: AbortSignal | undefined;
  /** Told why something is tried again. */
  onTrouble?: ((message: string) => void) | undefined;
}
