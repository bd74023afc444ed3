/** Wrapping the dedup secrets of a repository for another set of recipients. */
import { MailrecoverError } from '../errors/error.ts';
import type { Identity, Recipient } from '../repository/age/keys.ts';
import type { Repository } from '../repository/repository.ts';
import { readSecrets, secretFingerprint, storeSecret } from '../repository/secret.ts';
import { readKnown } from './known.ts';

/**
 * All dedup secrets of a repository: this host's own, which it has at hand, and others, which take an identity.
 * @throws MailrecoverError `key` where one is wrapped and can't be opened
 */
export async function allSecrets(
  repository: Repository,
  keysRoot: string,
  stateRoot: string,
  identities: readonly Identity[],
): Promise<Buffer[]> {
  const { secret } = await readKnown(keysRoot, stateRoot, { id: repository.id, location: repository.target.location });
  const secrets = new Map(secret === undefined ? [] : [[secretFingerprint(secret), secret]]);
  const wrapped: string[] = [];
  for await (const { path } of repository.target.list('keys')) wrapped.push(path);
  const isKnown = (path: string): boolean => [...secrets.keys()].some((fingerprint) => path.includes(fingerprint));
  if (!wrapped.every(isKnown) && identities.length > 0)
    for (const [fingerprint, each] of await readSecrets(repository.target, identities)) secrets.set(fingerprint, each);
  const closed = wrapped.find((path) => !isKnown(path));
  if (closed !== undefined) {
    throw new MailrecoverError(
      'key',
      `an identity is needed to wrap '${closed}' anew: it is the dedup secret of another host, or of this host before it lost its own`,
      {
        hint: 'name the age identity file with --identity FILE or MAILRECOVER_IDENTITY',
        subject: closed,
      },
    );
  }
  return [...secrets.values()];
}

/** Wraps secrets for these recipients alone. */
export async function rewrap(repository: Repository, secrets: readonly Buffer[], recipients: readonly Recipient[]): Promise<void> {
  for (const secret of secrets) await storeSecret(repository.target, secret, recipients);
}
