import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { choosePlace, linkPlaces } from './links/places.ts';
import { spanSeconds } from './links/span.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'links create',
  summary: 'hand out a file by a link that named people alone can read, and that ends',
  description: [
    'Uploads a file, such as an exported mailbox or a report, to a place of the configuration (notify.links), lets those named with --to read it until it expires, and prints the link. Nobody else can read it, except where the place can not ask who reads: that is said. The link stands in a ledger below the state directory, so that it can be listed and revoked; `links expire` from a timer removes what is over.',
    '--encrypt seals the file for age recipients first: then not even the provider can read it.',
  ],
  arguments: { file: { value: 'FILE', description: 'the file', required: true, complete: 'file' } },
  options: {
    to: { kind: 'list', value: 'ADDRESS', description: 'who may read it; may be given several times' },
    place: { kind: 'text', value: 'PLACE', description: 'where it is put; may be left out where there is one place' },
    expires: { kind: 'text', value: 'SPAN', description: 'for how long it can be read, such as 12h, 7d, 4w' },
    name: { kind: 'text', value: 'NAME', description: 'how readers see it; by default as the file is called' },
    encrypt: { kind: 'list', value: 'RECIPIENT', description: 'seal it for this age recipient (age1…) first' },
    dryRun: { kind: 'flag', description: 'only say what would be done' },
  },
  examples: [
    { command: 'mailrecover links create anna.tar --to anna@example.net', says: 'Hand out an exported mailbox.' },
    { command: 'mailrecover links create report.html --to cio@example.org --expires 2d --place drive', says: 'For two days.' },
  ],
  exitCodes: {
    0: 'it can be read by those named',
    1: 'the place refused it',
    12: 'a credential is missing or refused',
    13: 'the place could not be reached',
  },
  json: {
    'link.{id,place,kind,name,bytes,sha256,encrypted,readers,createdAt,expiresAt}': 'what was handed out; the hash is of what was uploaded',
    'link.url': 'the link',
    'link.open': 'whether the link alone is enough to read',
    'counts.bytes': 'how large it is',
  },
  recordsHistory: true,
  async run(context, { file }, { to, place: named, expires, name, encrypt, dryRun }): Promise<CommandResult> {
    const { state, places } = await linkPlaces(context);
    const place = choosePlace(places, named);
    const readers = [...new Set(to.map((address) => address.toLowerCase()))];
    const wrong = readers.find((address) => !/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(address));
    if (wrong !== undefined) throw new MailrecoverError('usage', `'${wrong}' is no address`, { hint: 'write it as anna@example.org' });
    if (readers.length === 0)
      throw new MailrecoverError('usage', 'nobody is named who may read it', { hint: 'name them with --to ADDRESS' });
    const seconds = expires === undefined ? place.expires : spanSeconds('--expires', expires);
    if (seconds < 60 || seconds > 365 * 86_400)
      throw new MailrecoverError('usage', 'a link lasts from a minute to a year', { hint: '--expires 7d' });
    const [{ createLink, fileToLink }, { shownLink }, { isoTime, now }] = await Promise.all([
      import('../notify/links/links.ts'),
      import('./links/shown.ts'),
      import('../system/clock.ts'),
    ]);
    const expiresAt = now() + seconds * 1000;
    const plain = await fileToLink(file, name);
    if (dryRun)
      return {
        outcome: 'ok',
        counts: { bytes: plain.size },
        fields: {
          link: { place: place.name, kind: place.kind, name: plain.name, bytes: plain.size, readers, expiresAt: isoTime(expiresAt) },
        },
        render: (text) => text.say`'${plain.name}' (${text.size(plain.size)}) would be put into ${place.name} for ${readers.join(', ')}`,
      };
    const sealedFile = encrypt.length === 0 ? undefined : await (await import('./links/encrypt.ts')).sealed(file, encrypt, state);
    try {
      context.progress.phase(`uploading to ${place.name}`);
      const shownName = sealedFile === undefined ? plain.name : `${plain.name}.age`;
      const request = {
        state,
        place,
        path: sealedFile?.path ?? file,
        name: shownName,
        readers,
        expiresAt,
        encrypted: sealedFile !== undefined,
      };
      const { link, notes } = await createLink(request);
      const findings = notes.map((message): Finding => ({ severity: 'warning', code: 'link-note', message, subject: link.id }));
      return {
        outcome: findings.length === 0 ? 'ok' : 'warning',
        counts: { bytes: link.bytes },
        findings,
        fields: { link: { ...shownLink(link), url: link.url } },
        render: (text) =>
          text.pairs([
            [text.say`link`, link.url ?? ''],
            [text.say`for`, link.open === true ? text.yellow(text.say`whoever has the link`) : readers.join(', ')],
            [text.say`until`, text.time(isoTime(link.expiresAt))],
            [text.say`id`, text.say`${link.id}  (mailrecover links revoke ${link.id})`],
            ['sha256', link.sha256],
          ]),
      };
    } finally {
      await sealedFile?.release();
    }
  },
});
