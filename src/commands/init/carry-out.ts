/** Writing what {@link planInit} decided. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createBackupRepository, type CreatedRepository } from '../../backup/create.ts';
import { writeIdentity } from '../../repository/age/identity-file.ts';
import { parseRecipient } from '../../repository/age/keys.ts';
import { recoverySheet } from '../../repository/sheet.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import type { InitPlan } from './plan.ts';

const SHEET_FILE = 'recovery-sheet.txt';

/**
 * Makes the key pair, the repository, the sheet and the configuration, in this order: the configuration comes last, so that
 * one that is there always works. Where it fails before the repository exists, the private key that nothing needs is removed again.
 */
export async function carryOut(plan: InitPlan): Promise<{ created: CreatedRepository; sheetText: string; sheetFile: string }> {
  const { identityFile, secret, passphrase, target, host, recipients, encrypted } = plan;
  const keysRoot = dirname(plan.configPath);
  const sheetFile = join(keysRoot, SHEET_FILE);
  await makeDirectory(keysRoot);
  if (identityFile !== undefined && secret !== undefined)
    await writeIdentity(identityFile, secret, passphrase === undefined ? {} : { passphrase });
  const [recipient] = recipients;
  const made = identityFile === undefined || recipient === undefined ? {} : { made: { recipient, identityFile, sheetFile } };
  let created: CreatedRepository;
  try {
    created = await createBackupRepository({
      target,
      keysRoot,
      host,
      recipients: encrypted ? recipients.map((text) => parseRecipient(text)) : undefined,
      ...made,
    });
  } catch (error) {
    if (identityFile !== undefined) rmSync(identityFile, { force: true });
    throw error;
  }
  const facts = {
    made: created.repository.created,
    host,
    repository: { location: target.location, id: created.repository.id },
    hostKey: created.hostKey,
    recoverScript: created.recoverScript,
    encrypted,
    recipients,
    ...(identityFile === undefined ? {} : { identityFile }),
  };
  // A key in a passphrase is not to lie bare in another file; on paper it may.
  const kept = secret === undefined || passphrase !== undefined ? facts : { ...facts, secret };
  await writeDurable(sheetFile, recoverySheet(kept));
  await writeDurable(plan.configPath, plan.configText, 0o640);
  return { created, sheetText: recoverySheet(secret === undefined ? facts : { ...facts, secret }), sheetFile };
}
