/** What this host knows by itself of a repository, for checking it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { MailrecoverError, systemCode } from '../errors/error.ts';
import { readHostKey } from '../repository/signing.ts';
import { ifPresent } from '../system/files.ts';
import { hostKeyPath, secretPath } from './prepare.ts';
import { readFacts, type RecoveryFacts } from './recovery-facts.ts';
import { StateDirectory, type StateIndex } from './state/state.ts';

export interface Known {
  /** Public signing key of this host, 64 hex digits. */
  key: string | undefined;
  /** Its dedup secret for the repository. */
  secret: Buffer | undefined;
  facts: RecoveryFacts | undefined;
  state: StateIndex | undefined;
  /** What is there and this user may not read; it counts as unknown. */
  denied: string[];
}

/** Reads what is there, and makes nothing. @param place the repository; its id is undefined where it does not tell */
export async function readKnown(keysRoot: string, stateRoot: string, place: { id: string | undefined; location: string }): Promise<Known> {
  const denied: string[] = [];
  const allowed = async <T>(path: string, read: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (systemCode(error instanceof MailrecoverError ? error.cause : error) !== 'EACCES') throw error;
      denied.push(path);
      return undefined;
    }
  };
  const key = (await allowed(hostKeyPath(keysRoot), () => readHostKey(hostKeyPath(keysRoot))))?.publicHex;
  const facts = await allowed(keysRoot, () => readFacts(keysRoot, place));
  const id = facts?.repository ?? place.id;
  if (id === undefined) return { key, secret: undefined, facts, state: undefined, denied };
  const text = await allowed(secretPath(keysRoot, id), () => ifPresent(() => readFile(secretPath(keysRoot, id), 'utf8')));
  const secret = text !== undefined && /^[0-9a-f]{64}\n?$/.test(text) ? Buffer.from(text.trim(), 'hex') : undefined;
  const path = `${stateRoot}/${id}`;
  const state = await allowed(path, () => (existsSync(`${path}/index.json`) ? new StateDirectory(path).load(id) : undefined));
  return { key, secret, facts, state, denied };
}
