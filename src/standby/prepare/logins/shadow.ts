/** Hashes that stand in files: Dovecot's passwd-file and shadow(5). */
import { readFileSync } from 'node:fs';

/** User and hash of each line (Dovecot: passwd-file); '' where there is none that anybody could log in with. */
export function passwdFile(path: string): Map<string, string> {
  const users = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return users;
  }
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [user = '', hash = ''] = line.split(':');
    if (user !== '') users.set(user, isUsable(hash) ? hash : '');
  }
  return users;
}

/** `*` and `!` are no hashes (shadow(5)). */
function isUsable(hash: string): boolean {
  const bare = hash.replace(/^\{[^}]*\}/, '');
  return bare !== '' && bare !== 'x' && !/^[*!]/.test(bare);
}

/** Hashes of shadow(5) of those of the users who have one. */
export function readShadow(users: readonly string[]): Record<string, string> {
  const wanted = new Set(users);
  const found: Record<string, string> = {};
  let text = '';
  try {
    text = readFileSync('/etc/shadow', 'utf8');
  } catch {
    // Not for us.
  }
  for (const line of text.split('\n')) {
    const [user = '', hash = ''] = line.split(':');
    if (wanted.has(user) && isUsable(hash)) found[user] = hash;
  }
  return found;
}
