import type { Pipeline } from '../measure.ts';

/** Where things are, for all tools alike. */
export interface Place {
  /** The root of the mail that is backed up. */
  mail: string;
  /** An age key pair: the public half, and the file that holds the private one. */
  recipient: string;
  identity: string;
  /** The mailrecover that is measured. */
  program: string;
}

/** A program that backs up, with everything it keeps below one directory, so that its state can be copied and put back. */
export interface Tool {
  name: string;
  /** Name and version, as the program gives them. */
  version(): string;
  /** Makes an empty repository below `home`, an empty directory; not measured. */
  init(home: string): Promise<void>;
  backup(home: string): Pipeline;
  /** Where the repository lies, whose size is compared. */
  repository(home: string): string;
  /** Set where hard links are as good as copies for putting a state back. */
  neverWritesInPlace?: true;
}

export interface RestoringTool extends Tool {
  /** Restores everything below `target`, an empty directory. */
  restore(home: string, target: string): Pipeline;
  /** Where a restore puts what lay in the root of the mail. */
  restored(target: string): string;
}
