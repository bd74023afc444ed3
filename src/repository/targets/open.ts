import type { Target } from '../target.ts';
import { parseLocation } from './location.ts';
import type { TargetHooks, TargetOptions } from './options.ts';
import { resilient } from './resilient.ts';

const AT_ONCE = 4;
const PATIENCE_SECONDS = 300;

/**
 * Opens the place of a repository, which need not exist yet. Only what its kind needs is loaded; nothing is connected to before the first call.
 * Whoever opens it closes it ({@link Target.close}).
 * @param name as users name it: a path, `sftp:user@host:/path`, `s3:https://host/bucket/prefix`
 * @throws MailrecoverError `usage` where it is no such name
 */
export async function openTarget(name: string, options: TargetOptions = {}, hooks: TargetHooks = {}): Promise<Target> {
  const location = parseLocation(name);
  if (location.kind === 'local') {
    const { localTarget } = await import('./local.ts');
    return localTarget(location.path);
  }
  if (location.kind === 'sftp') {
    const { sftpTarget } = await import('./sftp.ts');
    return overNetwork(sftpTarget(location, options), options, hooks);
  }
  const { s3Target } = await import('./s3/target.ts');
  return overNetwork(s3Target(location, options), options, hooks);
}

function overNetwork(target: Target, { atOnce = AT_ONCE, patience = PATIENCE_SECONDS }: TargetOptions, hooks: TargetHooks): Target {
  return resilient(target, { ...hooks, atOnce, patienceMs: patience * 1000 });
}
