import { inspect } from 'node:util';
import { MailrecoverError } from '../errors/error.ts';
import { programVersion } from '../system/version.ts';

/** What --verbose adds to an error: its causes, and for a bug what a report of it needs. */
export function bugDetails(error: unknown, argv: readonly string[]): string {
  const lines: string[] = [];
  if (!(error instanceof MailrecoverError) || error.code === 'bug') {
    lines.push(
      `version: ${programVersion()}, node ${process.version}, ${process.platform} ${process.arch}`,
      `command: mailrecover ${argv.join(' ')}`,
      error instanceof Error ? (error.stack ?? error.message) : inspect(error),
    );
  }
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    lines.push(`caused by: ${cause instanceof Error ? cause.message : inspect(cause)}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
