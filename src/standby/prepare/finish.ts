/** After files were copied: indexes are built, and Postfix and Dovecot of this host are asked whether they understand them. */
import { existsSync } from 'node:fs';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { run } from '../../system/exec.ts';

export interface FinishRequest {
  maps: { type: string; path: string; alias: boolean }[];
  /** /usr/local/share/ca-certificates changed. */
  authorities: boolean;
  /** Settings of units changed. */
  units: boolean;
}

export interface FinishOptions {
  dovecot: string | undefined;
  signal: AbortSignal;
}

const PATIENCE = 60_000;

export async function finishHost(
  { maps, authorities, units }: FinishRequest,
  { dovecot, signal }: FinishOptions,
): Promise<{ findings: Finding[]; understood: boolean }> {
  const findings: Finding[] = [];
  const attempt = async (
    command: string,
    args: readonly string[],
    code: string,
    hint: string,
    severity: Finding['severity'] = 'error',
  ): Promise<boolean> => {
    try {
      await run(command, args, { timeoutMs: PATIENCE, signal });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MailrecoverError)) throw error;
      if (error.code === 'not-found') return true;
      findings.push({ severity, code, message: error.message, hint });
      return false;
    }
  };
  for (const { type, path, alias } of maps)
    await attempt(
      alias ? 'postalias' : 'postmap',
      [`${type}:${path}`],
      'no-index',
      `see what it says there: ${alias ? 'postalias' : 'postmap'} ${type}:${path}`,
    );
  if (authorities) await attempt('update-ca-certificates', [], 'no-authorities', 'run it there: update-ca-certificates', 'warning');
  if (units && existsSync('/run/systemd/system'))
    await attempt('systemctl', ['daemon-reload'], 'no-reload', 'run it there: systemctl daemon-reload', 'warning');
  const postfix = await attempt('postconf', ['-n'], 'not-understood', 'see what it says there: postfix check');
  const services = await attempt('postconf', ['-M'], 'not-understood', 'see what it says there: postconf -M');
  const mail = await attempt(
    'doveconf',
    [...(dovecot === undefined ? [] : ['-c', dovecot]), '-n'],
    'not-understood',
    'see what it says there: doveconf -n',
  );
  return { findings, understood: postfix && services && mail };
}
