/** The certificates of the mail server on this host, where the configuration has them looked at. */
import type { Config } from '../../config/schema.ts';
import type { Looked } from '../../health/certificates/look.ts';

export async function certificatesOf(config: Config, signal: AbortSignal): Promise<Looked | undefined> {
  if (config.health === undefined) return undefined;
  const { lookAtCertificates } = await import('../../health/certificates/look.ts');
  return lookAtCertificates({ ...config.health.certificates, signal });
}
