import type { Finding } from '../../../errors/finding.ts';
import type { Identity } from '../../../repository/age/keys.ts';
import type { Repository } from '../../../repository/repository.ts';
import type { Progress } from '../../../system/progress.ts';

export interface IndexOptions {
  repository: Repository;
  identities: readonly Identity[] | undefined;
  /** Directories in which the index may lie, below the id of the repository; the first that can be written to is taken. */
  roots: readonly string[];
  threads: number;
  progress: Progress;
  signal?: AbortSignal;
  findings: Finding[];
}
