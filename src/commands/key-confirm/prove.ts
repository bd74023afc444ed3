/** Having a part of the private key typed from paper, and taking the key off this host. */
import { randomInt } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RecoveryFacts } from '../../backup/recovery-facts.ts';
import { editConfigList } from '../../config/edit.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { identityFileState } from '../../repository/age/identity-file.ts';
import { identityText, parseIdentity } from '../../repository/age/keys.ts';
import { keyGroups } from '../../repository/sheet.ts';
import { syncDirectory } from '../../system/files.ts';
import { identityFiles } from '../from-config.ts';
import type { CommandContext } from '../types.ts';

type Made = NonNullable<RecoveryFacts['made']>;

/** Groups that are asked for. */
const ASKED = 3;
const ATTEMPTS = 3;

/**
 * Asks for some groups of the key, chosen at random; for all of it where the key no longer lies on this host.
 * @throws MailrecoverError `failed` where what is typed is not the key, `usage` where there is no terminal
 */
export async function proveKey(context: CommandContext, made: Made): Promise<void> {
  if (identityFileState(made.identityFile) === 'absent') {
    await tried(async () => {
      const typed = await context.ask('the private key on the recovery sheet, as one line (AGE-SECRET-KEY-1…): ', { secret: true });
      try {
        return parseIdentity(typed.replace(/\s+/g, '')).recipient.text === made.recipient;
      } catch {
        return false;
      }
    });
    return;
  }
  const identities = await identityFiles(context, [made.identityFile]);
  const identity = identities.find(({ recipient }) => recipient.text === made.recipient);
  if (identity === undefined)
    throw new MailrecoverError('key', `'${made.identityFile}' is not the private key that was made for this repository`, {
      subject: made.identityFile,
    });
  const groups = keyGroups(identityText(identity));
  for (const index of chosen(groups.length)) {
    await tried(async () => {
      const typed = await context.ask(`group ${index + 1} of the private key on the recovery sheet: `);
      return typed.trim().toUpperCase() === groups[index];
    });
  }
}

function chosen(count: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: Math.min(ASKED, count) }, () => all.splice(randomInt(all.length), 1)[0] ?? 0).sort((a, b) => a - b);
}

async function tried(attempt: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < ATTEMPTS; count++) if (await attempt()) return;
  throw new MailrecoverError('failed', 'what was typed is not the private key', {
    hint: "compare the sheet with this host's key while it still has it",
  });
}

/** Removes what holds the key bare, after a question. @returns what was removed, and what there is to say of what was not */
export async function removeBare(
  context: CommandContext,
  made: Made,
  keep: boolean,
): Promise<{ removed: string[]; left: Finding | undefined }> {
  const bare = identityFileState(made.identityFile) === 'bare';
  const files = [...(bare ? [made.identityFile] : []), ...(existsSync(made.sheetFile) ? [made.sheetFile] : [])];
  if (files.length === 0) return { removed: [], left: undefined };
  const left: Finding = {
    severity: 'warning',
    code: 'bare-identity',
    message: `the private key lies bare on this host: ${files.join(', ')}`,
    hint: 'whoever gets into this host can read all backups; remove it: mailrecover key confirm',
    subject: files[0] ?? '',
  };
  if (keep) return { removed: [], left: bare ? left : undefined };
  const answer = await context.ask(`remove ${files.join(' and ')} from this host? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) return { removed: [], left: bare ? left : undefined };
  // The configuration first: it must not name a key that is gone.
  if (bare)
    await editConfigList(context.configPath, 'identities', (before) =>
      before.filter((reference) => reference !== `file:${made.identityFile}`),
    );
  for (const file of files) {
    rmSync(file, { force: true });
    await syncDirectory(dirname(file));
  }
  return { removed: files, left: undefined };
}
