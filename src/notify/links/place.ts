/** Where files are put that named people may read by a link. A place is one file beside this one. */
import type { Refusal } from '../refusal.ts';

/** A file to hand out. */
export interface LinkFile {
  /** Where it lies here. */
  path: string;
  /** How readers see it. */
  name: string;
  size: number;
  contentType: string;
}

export interface Shared {
  url: string;
  /** True where whoever has the link may read, as nothing asks who they are. */
  open: boolean;
  /** What the place could not promise: `the place does not end it by itself`. */
  notes: readonly string[];
}

export interface LinkPlace {
  kind: 'drive' | 'onedrive' | 's3';
  /**
   * Makes a name for a file that is not there yet, so that it can be written down before anything is uploaded.
   * @throws Refused
   */
  plan(file: LinkFile): Promise<string>;
  /**
   * Uploads the file under that name and lets these people, and nobody else, read it until then.
   * @param expiresAt milliseconds since 1970
   * @throws Refused
   */
  share(remote: string, file: LinkFile, readers: readonly string[], expiresAt: number): Promise<Shared>;
  /** Removes the file and every right on it; one that is gone is no error. @throws Refused */
  remove(remote: string): Promise<void>;
}

/** What is said where a reader could not be let in. */
export function notReadable(place: string, why: string): Refusal {
  return {
    code: 'share',
    permanent: true,
    message: `${place} would let others read it, too: ${why}`,
    hint: 'name a folder that is shared with nobody',
  };
}
