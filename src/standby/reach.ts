/** Whether something listens: what can be asked of a host without its help. */
import { connect } from 'node:net';

const PATIENCE_MS = 3000;

/** `open`: it took the connection; `refused`: the host is there and nobody listens; `silent`: nothing came back, which proves nothing. */
export type Reached = 'open' | 'refused' | 'silent';

/** @param patienceMs how long an answer may take */
export function reach(host: string, port: number, patienceMs = PATIENCE_MS): Promise<Reached> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reached: Reached): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(patienceMs, () => end('silent'));
    socket.once('connect', () => end('open'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'silent'));
  });
}

/** SMTP, submission, IMAP and POP3. */
export const MAIL_PORTS = [25, 465, 587, 143, 993, 110, 995] as const;

/** The mail ports that answer. */
export async function openPorts(host: string, patienceMs?: number): Promise<number[]> {
  const reached = await Promise.all(MAIL_PORTS.map(async (port) => ({ port, state: await reach(host, port, patienceMs) })));
  return reached.filter(({ state }) => state === 'open').map(({ port }) => port);
}
