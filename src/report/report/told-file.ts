/** What was told is remembered in `told/KEY.json` below the state directory, so that a restart tells nobody the same again. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent, makeDirectory, syncDirectory, writeDurable } from '../../system/files.ts';
import { LEVELS, type Level } from '../metrics/model.ts';
import type { Told } from './told.ts';

function fileOf(state: string, key: string): string {
  return join(state, 'told', `${key.replace(/[^A-Za-z0-9.-]/g, '_')}.json`);
}

/** What is damaged counts as nothing: then it is told once more. */
export async function readTold(state: string, key: string): Promise<Told | undefined> {
  try {
    const text = await ifPresent(() => readFile(fileOf(state, key), 'utf8'));
    return text === undefined ? undefined : parsed(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function parsed(value: unknown): Told | undefined {
  const { level, problems, since, toldAt } = (value ?? {}) as Partial<Record<keyof Told, unknown>>;
  if (!LEVELS.includes(level as Level) || !Array.isArray(problems) || !isTime(since) || !isTime(toldAt)) return undefined;
  return { level: level as Level, problems: problems.map(String), since, toldAt };
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/** @throws MailrecoverError `io` or `no-space` */
export async function writeTold(state: string, key: string, told: Told | undefined): Promise<void> {
  const path = fileOf(state, key);
  if (told === undefined) {
    if ((await ifPresent(() => readFile(path))) === undefined) return;
    await rm(path, { force: true });
    await syncDirectory(join(state, 'told'));
    return;
  }
  await makeDirectory(join(state, 'told'));
  await writeDurable(path, `${JSON.stringify(told)}\n`);
}
