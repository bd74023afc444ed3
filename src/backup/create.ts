/** Making the repository of a host, with all that its first backup, and its last restore, need. */
import { MailrecoverError } from '../errors/error.ts';
import type { Recipient } from '../repository/age/keys.ts';
import { RECOVER_SCRIPT, rescueFiles } from '../repository/recover/files.ts';
import { createRepository, encodeMarker, MARKER, registerHost, type Repository } from '../repository/repository.ts';
import { createSecret } from '../repository/secret.ts';
import { createHostKey, readHostKey } from '../repository/signing.ts';
import type { Target } from '../repository/target.ts';
import { makeDirectory } from '../system/files.ts';
import { hostKeyPath, saveSecret } from './prepare.ts';
import { writeFacts, type RecoveryFacts } from './recovery-facts.ts';

export interface CreateOptions {
  target: Target;
  /** Directory of this host's own keys; made where it is missing. */
  keysRoot: string;
  host: string;
  /** undefined: not encrypted. */
  recipients: readonly Recipient[] | undefined;
  /** The key pair that was made for it, where one was. */
  made?: RecoveryFacts['made'];
}

export interface CreatedRepository {
  repository: Repository;
  /** Public key of this host, 64 hex digits. */
  hostKey: string;
  /** SHA-256 of recover.sh. */
  recoverScript: string;
}

/** @throws MailrecoverError `refused` where there is a repository already */
export async function refuseExisting(target: Target): Promise<void> {
  if ((await target.size(MARKER)) === undefined) return;
  throw new MailrecoverError('refused', `there is a repository at '${target.location}' already`, {
    hint: 'name another place with --repository REPOSITORY; a configuration for this one is written by hand, see docs/reference/config.md',
    subject: target.location,
  });
}

/**
 * Makes a repository with its recovery script, a dedup secret, and the signing key of this host (which is kept where it has one).
 * @throws MailrecoverError `refused` where there is a repository already, `io`, `no-space`
 */
export async function createBackupRepository(options: CreateOptions): Promise<CreatedRepository> {
  const { target, keysRoot, host, recipients } = options;
  await makeDirectory(keysRoot);
  const rescue = await rescueFiles();
  const key = (await readHostKey(hostKeyPath(keysRoot))) ?? (await createHostKey(hostKeyPath(keysRoot)));
  const repository = await createRepository(target, { recipients, rescue });
  await registerHost(target, host, key.publicHex);
  await saveSecret(keysRoot, repository.id, await createSecret(target, recipients));
  const recoverScript = rescue.find(({ name }) => name === RECOVER_SCRIPT)?.sha256 ?? '';
  const made = options.made === undefined ? {} : { made: options.made };
  await writeFacts(keysRoot, {
    repository: repository.id,
    location: target.location,
    marker: encodeMarker(repository),
    recoverScript,
    ...made,
  });
  return { repository, hostKey: key.publicHex, recoverScript };
}
