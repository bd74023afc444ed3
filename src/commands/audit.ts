import type { Finding } from '../errors/finding.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Place } from './from-config.ts';

/**
 * Writes down that somebody reads other people's mail, before it is read. Where that can't be done (a strange host, a full disk) the mail is
 * handed out all the same, with a warning: this is most needed when everything else is broken.
 */
export async function audit(place: Place, command: string, details: Record<string, unknown>): Promise<Finding[]> {
  const { recordAccess } = await import('../report/audit.ts');
  try {
    recordAccess(place.state, { command, ...details });
    return [];
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return [
      {
        severity: 'warning',
        code: 'audit',
        message: `this access does not stand in the audit log: ${error.message}`,
        subject: place.state,
      },
    ];
  }
}
