/** S3 object lock: what is stored can't be removed or replaced until a date, by nobody in the mode `compliance`. */
import type { ObjectLockMode } from '@aws-sdk/client-s3';
import type { MailrecoverError } from '../../../errors/error.ts';
import { now } from '../../../system/clock.ts';
import type { Target } from '../../target.ts';
import type { S3Options } from '../options.ts';
import type { Bucket } from './client.ts';

type Lock = NonNullable<S3Options['lock']>;

const DAY_MS = 86_400_000;
/** Requests that are under way at once. */
const AT_ONCE = 8;

/** An object is locked for a quarter longer than asked for, so that it needs a new date once in that quarter and not at each backup. */
function untilFor({ days }: Lock): number {
  return now() + days * 1.25 * DAY_MS;
}

function modeOf({ mode }: Lock): ObjectLockMode {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

/** What a put needs to say, so that there is no moment without a lock. */
export function retainUntil(lock: Lock | undefined): { ObjectLockMode: ObjectLockMode; ObjectLockRetainUntilDate: Date } | undefined {
  return lock === undefined ? undefined : { ObjectLockMode: modeOf(lock), ObjectLockRetainUntilDate: new Date(untilFor(lock)) };
}

/** {@link Target.retain} for a bucket. */
export function retainer(
  lock: Lock,
  open: () => Promise<Bucket>,
  explain: (path: string, error: unknown) => MailrecoverError,
): NonNullable<Target['retain']> {
  return async (paths, known) => {
    const at = await open();
    const enough = now() + lock.days * DAY_MS;
    const kept = new Map<string, number>();
    const queue = [...paths];
    const work = async (): Promise<void> => {
      for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
        try {
          const until = known.get(path) ?? 0;
          kept.set(path, until >= enough ? until : await extend(at, lock, path, enough));
        } catch (error) {
          throw explain(path, error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return kept;
  };
}

/** Extends the lock of an object where it ends too soon. @returns until when it holds */
async function extend({ client, sdk, bucket, keyOf }: Bucket, lock: Lock, path: string, enough: number): Promise<number> {
  const place = { Bucket: bucket, Key: keyOf(path) };
  const head = await client.send(new sdk.HeadObjectCommand(place));
  const present = head.ObjectLockRetainUntilDate?.getTime() ?? 0;
  if (present >= enough) return present;
  const until = untilFor(lock);
  // A lock that is there keeps its mode: to change it is another right than to extend it.
  const Mode = head.ObjectLockMode ?? modeOf(lock);
  const RetainUntilDate = new Date(until);
  await client.send(new sdk.PutObjectRetentionCommand({ ...place, Retention: { Mode, RetainUntilDate } }));
  return until;
}
