/** A mailbox that is no Maildir, backed up, in which clients then changed much. */
import { Imap } from '../support/imap.ts';
import { ALICE, contents, liveWorld, type LiveWorld, text } from './live-world.ts';

export const DAY = Date.UTC(2020, 0, 1);
export const REPLACE = ['latest', '--live', 'replace'];

export interface Setting {
  live: LiveWorld;
  client: Imap;
  /** What was backed up. */
  before: Record<string, string[]>;
  /** What clients have made of it. */
  later: Record<string, string[]>;
}

export async function changed(format: 'mbox' | 'sdbox' | 'mdbox'): Promise<Setting> {
  const live = await liveWorld({ format });
  const client = await Imap.login(live.server, ALICE);
  for (const folder of ['Work', 'Gone', 'New']) await client.create(folder);
  for (let index = 1; index <= 12; index++)
    await client.append('INBOX', text(`m-${index}`), index % 2 === 0 ? ['\\Seen', 'old'] : [], DAY + index * 1000);
  for (let copy = 0; copy < 2; copy++) await client.append('Work', text('same'), copy === 0 ? ['\\Seen'] : [], DAY);
  await client.append('Gone', text('gone'), ['\\Draft'], DAY);
  await live.world.backup([]);
  const before = await contents(live.server);
  await client.select('INBOX');
  await client.expunge('3,7:8');
  await client.command('UID MOVE 12 Work');
  await client.store('1,2', '+', ['\\Flagged', 'later']);
  await client.store('4', '-', ['\\Seen', 'old']);
  for (let index = 1; index <= 4; index++) await client.append('INBOX', text(`later-${index}`), index === 1 ? ['\\Seen'] : [], DAY);
  await client.append('New', text('new'), [], DAY);
  await client.command('UNSELECT');
  await client.command('DELETE Gone');
  return { live, client, before, later: await contents(live.server) };
}

/** Folders, and those in which something was set aside. */
export function parted(all: Record<string, string[]>): { mail: Record<string, string[]>; aside: Record<string, string[]> } {
  const entries = Object.entries(all);
  const isAside = ([name]: [string, string[]]): boolean => /^Replaced [\w-]+\//.test(name);
  return { mail: Object.fromEntries(entries.filter((each) => !isAside(each))), aside: Object.fromEntries(entries.filter(isAside)) };
}
