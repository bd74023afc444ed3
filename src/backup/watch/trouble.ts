/** What can go wrong while watching, in words, and whether it may pass by itself. */
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';

const LASTING = new Set(['usage', 'config', 'no-repository', 'repository-format', 'key', 'bug']);

/** Whether trying again later may help. */
export function isPassing(error: unknown): boolean {
  return error instanceof MailrecoverError ? !LASTING.has(error.code) : systemCode(error)?.startsWith('E') === true;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof MailrecoverError && error.code === code;
}

export function notMade(error: unknown): Finding {
  return told('no-snapshot', 'a snapshot was not made, and is tried again', error);
}

export function notStored(error: unknown): Finding {
  return told('not-stored', 'new messages could not be stored yet, and are tried again', error);
}

function told(code: string, what: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof MailrecoverError ? error.hint : undefined;
  return { severity: 'warning', code, message: `${what}: ${message}`, ...(hint === undefined ? {} : { hint }) };
}

export function onNetwork(path: string): Finding {
  return {
    severity: 'info',
    code: 'scanning',
    message: `'${path}' lies on a network file system, where changes by other hosts make no events: it is scanned`,
    subject: path,
  };
}

export function notWatched(store: string): Finding {
  return {
    severity: 'info',
    code: 'not-watched',
    message: `store '${store}' is no Maildir: its mail is stored with the snapshot of each interval, and not before`,
    subject: store,
  };
}

/** Watching does not work: there are too few watches, or something else keeps us from it. */
export function noWatches({ code, path }: { code: string; path: string }): Finding {
  const ranOut = code === 'ENOSPC' || code === 'EMFILE';
  const limit = code === 'EMFILE' ? 'fs.inotify.max_user_instances' : 'fs.inotify.max_user_watches';
  return {
    severity: 'warning',
    code: 'scanning',
    message: ranOut
      ? `the system gives out no more watches (${code}), so mail is scanned for changes: new mail is stored later than it could be`
      : `watching '${path}' failed (${code}), so mail is scanned for changes: new mail is stored later than it could be`,
    hint: ranOut
      ? `raise the limit and start it again: 'sysctl ${limit}=1048576', and a line '${limit} = 1048576' in /etc/sysctl.d/mailrecover.conf`
      : 'start it again once that is mended',
    ...(path === '' ? {} : { subject: path }),
  };
}
