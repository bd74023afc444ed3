/** Handing out a file by a link, and taking it back. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import { changeLink, changeLinks, type LinkRecord, readLinks } from './ledger.ts';
import type { LinkFile, LinkPlace, Shared } from './place.ts';

export interface NamedPlace {
  name: string;
  kind: LinkPlace['kind'];
  open: () => Promise<LinkPlace>;
}

export interface LinkRequest {
  state: string;
  place: NamedPlace;
  path: string;
  /** How readers see it; by default as it is called here. */
  name?: string | undefined;
  readers: readonly string[];
  expiresAt: number;
  encrypted: boolean;
}

const TYPES: Record<string, string> = {
  html: 'text/html',
  json: 'application/json',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  mbox: 'application/mbox',
  eml: 'message/rfc822',
  tar: 'application/x-tar',
  zst: 'application/zstd',
};

/** @throws MailrecoverError `not-found`, `usage`, `io` */
export async function fileToLink(path: string, name = basename(path)): Promise<LinkFile> {
  let found;
  try {
    found = await stat(path);
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  if (!found.isFile())
    throw new MailrecoverError('usage', `'${path}' is no file`, {
      hint: 'hand out one file: mailrecover export SNAP --format tar --to FILE',
      subject: path,
    });
  const contentType = TYPES[/\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream';
  return { path, name, size: found.size, contentType };
}

/**
 * Uploads and shares. It is written down before the upload begins, so that a file of a run that was killed is known and can be removed.
 * @throws Refused, MailrecoverError
 */
export async function createLink(request: LinkRequest): Promise<{ link: LinkRecord; notes: readonly string[] }> {
  const { state, place, readers, expiresAt } = request;
  const file = await fileToLink(request.path, request.name);
  const sha256 = await hashOf(file.path);
  const opened = await place.open();
  const link: LinkRecord = {
    id: randomBytes(4).toString('hex'),
    place: place.name,
    kind: place.kind,
    remote: await opened.plan(file),
    name: file.name,
    bytes: file.size,
    sha256,
    encrypted: request.encrypted,
    readers,
    createdAt: now(),
    expiresAt,
    state: 'pending',
  };
  await changeLinks(state, (links) => [...links, link]);
  let shared: Shared;
  try {
    shared = await opened.share(link.remote, file, readers, expiresAt);
  } catch (error) {
    await giveUp(state, opened, link);
    throw error;
  }
  const { url, open, notes } = shared;
  // An address that is itself the right to read is told once, and kept nowhere.
  await changeLink(state, link.id, { state: 'open', open, ...(open ? {} : { url }) });
  return { link: { ...link, state: 'open', url, open }, notes };
}

/** Nothing stays of a link that did not come about; where that can't be done now, it stays in the ledger for `links expire`. */
async function giveUp(state: string, place: LinkPlace, { id, remote }: LinkRecord): Promise<void> {
  try {
    await place.remove(remote);
    await changeLinks(state, (links) => links.filter((each) => each.id !== id));
  } catch {
    // `links list` shows it as pending.
  }
}

export interface Ended {
  ended: LinkRecord[];
  findings: Finding[];
}

/** Removes what these links lead to. What can't be removed now stays in the ledger as it was. */
export async function endLinks(
  state: string,
  links: readonly LinkRecord[],
  places: readonly NamedPlace[],
  as: 'revoked' | 'expired',
): Promise<Ended> {
  const result: Ended = { ended: [], findings: [] };
  for (const link of links) {
    try {
      const place = places.find(({ name }) => name === link.place);
      if (place === undefined)
        throw new MailrecoverError('config', `the configuration has no place '${link.place}' any more`, {
          hint: 'add it to notify.links again, or remove the file at the provider by hand',
        });
      await (await place.open()).remove(link.remote);
      const change = { state: as, endedAt: now() };
      await changeLink(state, link.id, change);
      result.ended.push({ ...link, ...change });
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
      result.findings.push({
        severity: 'error',
        code: error.code,
        message: `link ${link.id} ('${link.name}') can still be read: ${error.message}`,
        hint: error.hint ?? `mailrecover links revoke ${link.id}`,
        subject: link.id,
      });
    }
  }
  return result;
}

/** An upload is over after so long, however it went. */
const PENDING_MS = 86_400_000;

/** Links whose time is up, and uploads that never came to an end. */
export async function dueLinks(state: string): Promise<LinkRecord[]> {
  return (await readLinks(state)).filter(
    (link) =>
      (link.state === 'open' && link.expiresAt <= now()) ||
      (link.state === 'pending' && (link.expiresAt <= now() || link.createdAt < now() - PENDING_MS)),
  );
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  return hash.digest('hex');
}
