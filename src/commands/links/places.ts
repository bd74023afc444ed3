/** The places of the configuration to which files are handed out by link. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { NamedPlace } from '../../notify/links/links.ts';
import type { LinkPlace } from '../../notify/links/place.ts';
import { namedAccount, type Notify, notifyOf } from '../notify-config.ts';
import type { CommandContext } from '../types.ts';

type PlacePart = NonNullable<Config['notify']>['links'][number];

export interface ConfiguredPlace extends NamedPlace {
  /** Seconds for which a link can be read, where nothing else is asked for. */
  expires: number;
  /** What a report lies there as. */
  body: 'html' | 'pdf';
}

/** @throws MailrecoverError `config` where there is none */
export async function linkPlaces(context: CommandContext, signal = context.signal): Promise<{ state: string; places: ConfiguredPlace[] }> {
  const config = await context.config();
  const parts = config.notify?.links ?? [];
  if (parts.length === 0)
    throw new MailrecoverError('config', 'the configuration names no place for links', {
      hint: "add 'notify.links' (docs/links.md)",
      subject: context.configPath,
    });
  const notify = await notifyOf(context);
  const places = parts.map((part): ConfiguredPlace => {
    let opened: Promise<LinkPlace> | undefined;
    const { name, kind, expires, body } = part;
    return { name, kind, expires, body, open: () => (opened ??= openPlace(context, notify, part, signal)) };
  });
  return { state: config.state, places };
}

async function openPlace(context: CommandContext, notify: Notify, part: PlacePart, signal: AbortSignal): Promise<LinkPlace> {
  if (part.kind === 's3') return (await import('./bucket.ts')).openBucket(context, part, signal);
  const account = namedAccount(notify, part.account ?? '');
  const tokens = { state: notify.delivery.state };
  if (account.provider === 'google')
    return (await import('../../notify/links/drive.ts')).openDrive({ account, tokens, signal, folder: part.folder });
  if (account.provider === 'microsoft') {
    const { drive, folder = 'mailrecover' } = part;
    return (await import('../../notify/links/onedrive.ts')).openOneDrive({ account, tokens, signal, drive, folder });
  }
  // The schema has made sure of it.
  throw new MailrecoverError('bug', `place '${part.name}' has no account`);
}

/** The place of that name, or the only one. @throws MailrecoverError `usage`, `not-found` */
export function choosePlace(places: readonly ConfiguredPlace[], name: string | undefined): ConfiguredPlace {
  const names = places.map((place) => place.name).join(', ');
  const place = name === undefined ? (places.length === 1 ? places[0] : undefined) : places.find((each) => each.name === name);
  if (place !== undefined) return place;
  if (name === undefined) throw new MailrecoverError('usage', 'there are several places', { hint: `name one with --place: ${names}` });
  throw new MailrecoverError('not-found', `there is no place '${name}' in the configuration`, {
    hint: `the places are: ${names}`,
    subject: name,
  });
}
