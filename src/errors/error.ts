import { ERROR_CODES, type ErrorCode, type ExitCode } from './codes.ts';

export interface ErrorDetails {
  /** What to type or change next, one sentence. */
  hint?: string;
  /** What the error is about: a path, a mailbox, an object name. */
  subject?: string;
  cause?: unknown;
}

/**
 * The one error that users see: a stable code, a lower-case message without a
 * final stop, and a hint. Anything else that is thrown counts as a bug (exit 70).
 */
export class MailrecoverError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly subject: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MailrecoverError';
    this.code = code;
    this.hint = details.hint;
    this.subject = details.subject;
  }

  /** The exit code that this error's code stands for. */
  get exitCode(): ExitCode {
    return ERROR_CODES[this.code].exit;
  }
}

const IO_MEANING: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reported an input/output error',
  ENOSPC: 'no space left on the file system',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'is a directory',
  EEXIST: 'already exists',
  ELOOP: 'too many symbolic links',
};

/** The `code` of a system error (`ENOENT` …), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/**
 * Turns a system error into a {@link MailrecoverError} that says in words what
 * could not be done to what. A MailrecoverError comes back as it is.
 */
export function ioError(error: unknown, action: string, subject: string): MailrecoverError {
  if (error instanceof MailrecoverError) return error;
  const code = systemCode(error);
  if (code === undefined)
    return new MailrecoverError('bug', `unable to ${action} '${subject}': ${String(error)}`, { cause: error, subject });
  const meaning = IO_MEANING[code] ?? code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MailrecoverError('no-space', `unable to ${action} '${subject}': ${meaning}`, {
      hint: 'free some space there and run the command again; what was complete is kept',
      subject,
      cause: error,
    });
  }
  const denied = (code === 'EACCES' || code === 'EPERM') && process.getuid?.() !== 0;
  return new MailrecoverError('io', `unable to ${action} '${subject}': ${meaning}`, {
    ...(denied ? { hint: 'run it as root, or as the user that makes the backups' } : {}),
    subject,
    cause: error,
  });
}
