/** What `key add` and `key revoke` share. */
import { MailrecoverError } from '../errors/error.ts';
import { identitiesOf, placeOf } from './from-config.ts';
import type { CommandContext } from './types.ts';

export interface RecipientChange {
  recipients: string[];
  /** Whether the configuration was changed; else it said so already. */
  changed: boolean;
}

/**
 * Changes the recipients in the configuration, and wraps the dedup secrets for the new ones.
 * @param change gives the new list
 */
export async function changeRecipients(
  context: CommandContext,
  identity: readonly string[],
  change: (recipients: readonly string[]) => string[],
): Promise<RecipientChange> {
  const config = await context.config();
  if (!config.encryption) {
    throw new MailrecoverError('refused', 'the repository is not encrypted, so it has no recipients', {
      hint: "an encrypted one is a new one: 'mailrecover init' with another --repository",
    });
  }
  const place = await placeOf(context);
  const [{ openRepository }, { allSecrets, rewrap }, { parseRecipient }, { editConfigList }] = await Promise.all([
    import('../repository/repository.ts'),
    import('../backup/rewrap.ts'),
    import('../repository/age/keys.ts'),
    import('../config/edit.ts'),
  ]);
  const recipients = change(config.recipients);
  const parsed = recipients.map((text) => parseRecipient(text));
  const repository = await openRepository(place.target);
  const identities = identity.length === 0 ? [] : ((await identitiesOf(context, place, repository, identity)) ?? []);
  const secrets = await allSecrets(repository, place.keysRoot, place.state, identities);
  const changed = recipients.length !== config.recipients.length;
  // The configuration first: should this run be killed, what is stored from then on is already right.
  if (changed) await editConfigList(context.configPath, 'recipients', () => recipients);
  await rewrap(repository, secrets, parsed);
  return { recipients, changed };
}

export const KEY_JSON = { recipients: 'to whom backups are encrypted from now on' } as const;
