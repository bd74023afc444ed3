/** What the commands share that decide about a repository, or remove something from it. */
import { MailrecoverError } from '../errors/error.ts';
import type { Author } from '../repository/care/record.ts';
import type { HeldLock } from '../repository/care/lock.ts';
import type { Repository } from '../repository/repository.ts';
import type { SurveyOptions } from '../repository/retention/survey.ts';
import { isOwnRepository, placeOf, type Place } from './from-config.ts';
import { ownKey } from './choose-snapshot.ts';
import type { CommandContext } from './types.ts';

export interface Care {
  place: Place;
  repository: Repository;
  /** Public keys of this host and of those that it trusts. */
  believed: ReadonlySet<string>;
  /** This host, with its signing key. */
  author: Author;
  survey: SurveyOptions;
}

/**
 * Opens a repository to decide about it: that takes the signing key of this host.
 * @param options.newKey makes a key where there is none: for a host that only keeps copies
 * @throws MailrecoverError `key`
 */
export async function careOf(context: CommandContext, options: { repository?: string | undefined; newKey?: boolean }): Promise<Care> {
  const place = await placeOf(context, options);
  const [{ openRepository }, { createHostKey, readHostKey }, { readKnown }, { programVersion }] = await Promise.all([
    import('../repository/repository.ts'),
    import('../repository/signing.ts'),
    import('../backup/known.ts'),
    import('../system/version.ts'),
  ]);
  const repository = await openRepository(place.target);
  const path = `${place.keysRoot}/host.key`;
  const key = (await readHostKey(path)) ?? (options.newKey === true ? await createHostKey(path) : undefined);
  if (key === undefined)
    throw new MailrecoverError('key', 'this host has no signing key, and what is decided about a repository must be signed', {
      hint: 'run this on a host that backs up there, or name its configuration with --config FILE',
      subject: path,
    });
  const { state } = await readKnown(place.keysRoot, place.state, { id: repository.id, location: place.target.location });
  const believed = new Set([key.publicHex, ...place.trust]);
  return {
    place,
    repository,
    believed,
    author: { host: place.thisHost, key, tool: `mailrecover ${programVersion()}` },
    survey: {
      repository,
      believed,
      last:
        state?.snapshot === undefined || !(await isOwnRepository(context, place))
          ? undefined
          : { key: key.publicHex, sequence: state.sequence, id: state.snapshot },
      floodPerDay: place.config?.retention.anomaly.floodPerDay ?? 2000,
      signal: context.signal,
    },
  };
}

/** Public keys that are believed here, for commands that only look. */
export async function trustedKeys(place: Place): Promise<Set<string>> {
  const own = await ownKey(place);
  return new Set([...place.trust, ...(own === undefined ? [] : [own])]);
}

/** Takes the lock of the repository until the command ends. @throws MailrecoverError `locked` */
export async function lockUntilEnd(context: CommandContext, { place, repository }: Care, what: string): Promise<HeldLock> {
  const { lockRepository } = await import('../repository/care/lock.ts');
  const lock = await lockRepository(repository.target, { host: place.thisHost, what: `mailrecover ${what}` });
  context.onEnd(() => lock.release());
  return lock;
}

/** Keeps backups of this host away until the command ends. @throws MailrecoverError `locked` */
export async function lockBackups(context: CommandContext, { place, repository }: Care, what: string): Promise<void> {
  const [{ takeLock }, { makeCacheDirectory }] = await Promise.all([import('../system/lock.ts'), import('../system/files.ts')]);
  const directory = `${place.state}/${repository.id}`;
  makeCacheDirectory(directory);
  context.onEnd(takeLock(`${directory}/lock`, `mailrecover ${what}`));
}

/** A reason that a person gave. @throws MailrecoverError `usage` where it says nothing */
export function reasonOf(reason: string | undefined): string {
  const text = (reason ?? '').trim();
  if (text !== '') return text.slice(0, 1000);
  throw new MailrecoverError('usage', 'a reason is needed: it is what others will find when you are not there', {
    hint: "add --reason 'why'",
  });
}

export const CARE_EXIT_CODES = {
  4: 'something that is stored is missing or damaged',
  10: 'there is no repository there',
  11: 'another run holds the lock',
  12: 'this host has no signing key, or no identity fits',
  20: 'a safety gate refused: the message says which',
} as const;

/** Seconds of a span such as `1d`. */
export function secondsOf(span: string): number {
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[span.slice(-1)] ?? Number.NaN;
  const seconds = Number(span.slice(0, -1)) * unit;
  if (!/^\d{1,9}[smhdw]$/.test(span) || Number.isNaN(seconds))
    throw new MailrecoverError('usage', `'${span}' is no span of time`, { hint: 'write a number and s, m, h, d or w, such as 7d' });
  return seconds;
}
