/** What Dovecot's user databases say of users: where their mail lies, whose it is, how much it may be. */
import { run } from '../../../system/exec.ts';

/** So many users are asked for at once. */
const BATCH = 100;
/** Fields of passwd-file(5) with columns of their own; `mail` and the others stand behind them as `userdb_…`. */
const COLUMNS = new Set(['uid', 'gid', 'home']);

/** By user: `uid:gid::home::extra fields`, as it stands behind the hash in a passwd-file. */
export async function fieldsOf(where: readonly string[], users: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < users.length; at += BATCH) {
    const batch = users.slice(at, at + BATCH);
    const blocks = await blocksOf(where, batch, signal);
    if (blocks.length === batch.length) batch.forEach((user, index) => found.set(user, columns(blocks[index] ?? '')));
    // One whom the user database does not know has no block: then each is asked for alone.
    else
      for (const user of batch) {
        const [block] = await blocksOf(where, [user], signal);
        if (block !== undefined) found.set(user, columns(block));
      }
  }
  return found;
}

async function blocksOf(where: readonly string[], users: readonly string[], signal: AbortSignal): Promise<string[]> {
  try {
    const { stdout } = await run('doveadm', [...where, 'user', ...users], {
      timeoutMs: 120_000,
      signal,
      okExitCodes: [0, 67, 75, 2, 1],
      maxBytes: 64 * 1024 * 1024,
    });
    return stdout
      .replace(/^field\tvalue\n/, '')
      .split(/\n(?=uid\t)/)
      .filter((block) => /^uid\t/m.test(block));
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

function columns(block: string): string {
  const fields = new Map(
    block
      .split('\n')
      .flatMap((line) => (line.includes('\t') ? [[line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)] as const] : [])),
  );
  const extra = [...fields].flatMap(([name, value]) =>
    // Fields are parted by blanks; one that holds some can't be written.
    COLUMNS.has(name) || value === '' || /\s/.test(value) || name === 'user' ? [] : [`userdb_${name}=${value}`],
  );
  const home = fields.get('home') ?? '';
  return [fields.get('uid') ?? '', fields.get('gid') ?? '', '', home.includes(':') ? '' : home, '', extra.join(' ')].join(':');
}
