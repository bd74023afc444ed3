import { fileURLToPath } from 'node:url';

/** The launcher of this very program (`bin/mailrecover`), absolute. */
export function programPath(): string {
  return fileURLToPath(new URL('../../bin/mailrecover', import.meta.url));
}
