import type { Place } from './from-config.ts';

/** Writes down that somebody reads other people's mail, before it is read. */
export async function audit(place: Place, command: string, details: Record<string, unknown>): Promise<void> {
  const { recordAccess } = await import('../report/audit.ts');
  recordAccess(place.state, { command, ...details });
}
