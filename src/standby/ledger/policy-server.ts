/** A policy service for Postfix, on a socket that only Postfix reaches. */
import { chmodSync, chownSync, rmSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { MailrecoverError, ioError } from '../../errors/error.ts';
import { CARRY_ON, takeRequests, Transactions } from './policy.ts';
import type { Taking } from './taking.ts';

export interface PolicyServer {
  close(): void;
}

/**
 * Listens. Every request gets the answer that Postfix may carry on, at the end of a message only after `before` has resolved.
 * @param owner the number of the user that Postfix runs as
 * @param before must not reject
 * @throws MailrecoverError `locked` where somebody listens there already; `io`
 */
export async function servePolicy(path: string, owner: number, before: (taking: Taking) => Promise<unknown>): Promise<PolicyServer> {
  if (await answers(path))
    throw new MailrecoverError('locked', `another program answers Postfix at '${path}' already`, {
      hint: "see which: 'systemctl status mailrecover-ledger'",
      subject: path,
    });
  const transactions = new Transactions();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8');
    let held = '';
    let turn: Promise<unknown> = Promise.resolve();
    socket.on('data', (piece) => {
      const taken = takeRequests(held + String(piece));
      if (taken === undefined) {
        socket.destroy();
        return;
      }
      held = taken.rest;
      // Postfix asks one at a time; answers keep their order all the same.
      for (const request of taken.requests)
        turn = turn.then(async () => {
          const taking = transactions.take(request);
          if (taking !== undefined) await before(taking);
          socket.write(CARRY_ON);
        });
    });
  });
  try {
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chownSync(path, owner, 0);
    chmodSync(path, 0o600);
  } catch (error) {
    server.close();
    throw ioError(error, 'listen at', path);
  }
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
