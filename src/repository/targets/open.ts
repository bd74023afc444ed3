import { MailrecoverError } from '../../errors/error.ts';
import type { Target } from '../target.ts';
import { formatLocation, parseLocation } from './location.ts';

/**
 * Opens the place of a repository, which need not exist yet. Only what its kind needs is loaded; nothing is connected to before the first call.
 * Whoever opens it closes it ({@link Target.close}).
 * @param name as users name it: a path, `sftp:user@host:/path`, `s3:https://host/bucket/prefix`
 * @throws MailrecoverError `usage` where it is no such name
 */
export async function openTarget(name: string): Promise<Target> {
  const location = parseLocation(name);
  if (location.kind === 'local') {
    const { localTarget } = await import('./local.ts');
    return localTarget(location.path);
  }
  throw new MailrecoverError('usage', `this version can't write to '${formatLocation(location)}' yet`, { hint: 'name a directory' });
}
