/** The audit log: who read other people's mail. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { ioError } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makePath } from '../system/files.ts';

export interface Access {
  command: string;
  snapshot?: string;
  [detail: string]: unknown;
}

/** Who runs this: the number, the name that it has, and who became that by `sudo`. */
function whoRuns(): { uid: number; user?: string; sudoUser?: string } {
  const uid = process.getuid?.() ?? -1;
  const sudo = process.env['SUDO_USER'];
  let user: string | undefined;
  try {
    user = userInfo().username;
  } catch {
    // a number without a name
  }
  return { uid, ...(user === undefined ? {} : { user }), ...(sudo === undefined || sudo === '' ? {} : { sudoUser: sudo }) };
}

/**
 * Writes down, durably, that mail is about to be read; call it before any of it is handed out.
 * @param state the directory for local state; made if it is missing
 * @throws MailrecoverError `io` or `no-space`
 */
export function recordAccess(state: string, access: Access): void {
  const path = join(state, 'audit.jsonl');
  try {
    makePath(state);
    appendDurable(path, `${JSON.stringify({ time: isoNow(), ...whoRuns(), ...access })}\n`);
  } catch (error) {
    throw ioError(error, 'write the audit log', path);
  }
}
