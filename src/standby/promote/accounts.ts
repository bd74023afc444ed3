import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { SwitchHead } from '../journal.ts';
import type { Remote } from '../remote.ts';

/** The accounts that Dovecot knows on a host, counted and hashed; undefined where it can't list them. */
export async function accountsOn(host: Remote): Promise<NonNullable<SwitchHead['accounts']> | undefined> {
  try {
    const { exitCode, stdout } = await host.run(['doveadm', 'user', '*'], { ok: 'any' });
    const names = stdout.split('\n').filter((name) => name !== '');
    if (exitCode !== 0 || names.length === 0) return undefined;
    return { count: names.length, sha256: createHash('sha256').update(names.toSorted().join('\n')).digest('hex') };
  } catch (error) {
    if (error instanceof MailrecoverError && error.code === 'not-found') return undefined;
    throw error;
  }
}
