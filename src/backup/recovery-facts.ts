/**
 * What this host knows of its repository beside what lies there: what stands on the recovery sheet, and whether the sheet was confirmed.
 * It lies beside the configuration, since it must survive the loss of the local state. It holds no secret.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, ifPresent, writeDurable } from '../system/files.ts';

export interface RecoveryFacts {
  /** Id of the repository, 32 hex digits. */
  repository: string;
  /** Where it lay when it was made. */
  location: string;
  /** The text of its marker. */
  marker: string;
  /** SHA-256 of recover.sh on the sheet. */
  recoverScript: string;
  /** The key pair that was made here. */
  made?: { recipient: string; identityFile: string; sheetFile: string };
  /** When the sheet was confirmed, UTC. */
  confirmed?: string;
}

function factsPath(keysRoot: string, repositoryId: string): string {
  return join(keysRoot, `recovery-${repositoryId.slice(0, 16)}.json`);
}

async function readFactsFile(path: string): Promise<RecoveryFacts | undefined> {
  const text = await ifPresent(() => readFile(path, 'utf8'));
  try {
    const facts = text === undefined ? undefined : (JSON.parse(text) as RecoveryFacts);
    return typeof facts?.repository === 'string' && typeof facts.marker === 'string' ? facts : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What is known of a repository: by its id, else by its place, for then what names the id may be damaged.
 * @param id undefined where the repository does not tell
 * @returns undefined where nothing is known
 */
export async function readFacts(
  keysRoot: string,
  { id, location }: { id: string | undefined; location: string },
): Promise<RecoveryFacts | undefined> {
  const byId = id === undefined ? undefined : await readFactsFile(factsPath(keysRoot, id));
  if (byId?.repository === id && byId !== undefined) return byId;
  const names = (await ifPresent(() => readdir(keysRoot))) ?? [];
  for (const name of names) {
    if (!/^recovery-[0-9a-f]{16}\.json$/.test(name)) continue;
    const facts = await readFactsFile(join(keysRoot, name));
    if (facts?.location === location) return facts;
  }
  return undefined;
}

export async function writeFacts(keysRoot: string, facts: RecoveryFacts): Promise<void> {
  await makeDirectory(keysRoot);
  await writeDurable(factsPath(keysRoot, facts.repository), `${JSON.stringify(facts, null, 2)}\n`);
}
