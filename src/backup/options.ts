import type { Identity } from '../repository/age/keys.ts';
import type { Target } from '../repository/target.ts';
import type { Progress } from '../system/progress.ts';
import type { Thresholds } from './anomaly.ts';
import type { FreezeSource } from './freeze/presets.ts';
import type { SourceOptions } from './sources.ts';

export interface BackupOptions extends SourceOptions {
  target: Target;
  /** Directory of the local state; one below it is used for each repository. */
  stateRoot: string;
  /** Directory of this host's own keys. */
  keysRoot: string;
  host: string;
  /** `age1…`; undefined for a repository that is not encrypted. */
  recipients: readonly string[] | undefined;
  /** Reading threads; 0 reads in the main thread. */
  threads: number;
  readBack: boolean;
  deep: boolean;
  /** File systems of which snapshots are taken. */
  freeze?: readonly FreezeSource[];
  /** When the stores were frozen, if they were: milliseconds since 1970. */
  frozenAt?: number;
  /** Days after which a backup is deep by itself. */
  deepEvery: number;
  /** Seconds for which a time stamp proves nothing: 3 on local disks, 30 on network file systems. */
  settle: number;
  dryRun: boolean;
  /** Public keys of other hosts whose tags are believed. */
  trust: readonly string[];
  identities: readonly Identity[];
  tool: string;
  /** From when on a change is out of the ordinary; by default {@link THRESHOLDS}. */
  anomaly?: Thresholds;
  progress: Progress;
}
