import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import { run } from '../../system/exec.ts';

/** The two ways in which Dovecot's settings are written. */
export type Dialect = '2.3' | '2.4';

export interface DovecotProgram {
  dovecot: string;
  doveconf: string;
  /** `2.3.19.1` */
  version: string;
  dialect: Dialect;
}

const DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin', '/opt/dovecot/sbin', '/opt/dovecot/bin'];

/**
 * Finds Dovecot and asks it for its version.
 * @throws {MailrecoverError} `usage` when it is not installed or of a version whose settings are not known
 */
export async function findDovecot(given: { dovecot?: string; doveconf?: string } = {}): Promise<DovecotProgram> {
  const dovecot = given.dovecot ?? locate('dovecot');
  const doveconf = given.doveconf ?? locate('doveconf');
  if (dovecot === undefined || doveconf === undefined || !executable(dovecot) || !executable(doveconf)) {
    throw new MailrecoverError('usage', 'dovecot is not installed on this host, and level server needs it', {
      hint: 'apt install dovecot-imapd dovecot-lmtpd, or verify with --level mail',
    });
  }
  const answer = await run(dovecot, ['--version'], { env: FOREIGN_SETTINGS, timeoutMs: 60_000 });
  const version = answer.stdout.trim();
  return { dovecot, doveconf, version: version.split(/[\s-]/)[0] ?? version, dialect: dialectOf(version) };
}

/** @throws {MailrecoverError} `usage` for a version whose settings are not known */
export function dialectOf(version: string): Dialect {
  const parts = /^(\d+)\.(\d+)(?:\.\d+)*(?:[\s-]|$)/.exec(version);
  const series = parts === null ? '' : `${parts[1]}.${parts[2]}`;
  if (series === '2.3' || series === '2.4') return series;
  throw new MailrecoverError('usage', `dovecot '${version.slice(0, 60)}' is of a version whose settings are not known here`, {
    hint: 'verify on a host with dovecot 2.3 or 2.4, or with --level mail',
  });
}

/** Dovecot hands its settings to its children in the environment; what runs us may be such a child. */
export const FOREIGN_SETTINGS = { DOVECONF_ENV: undefined, CONFIG_FILE: undefined, DOVECOT_CONFIG_FD: undefined };

/** The path of a program on PATH, or where servers are installed; undefined where it is in neither. */
export function locate(name: string): string | undefined {
  const path = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...path, ...DIRECTORIES].map((directory) => join(directory, name)).find(executable);
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
