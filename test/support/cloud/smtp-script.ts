/** An SMTP server with STARTTLS that says what a test wants it to say, and keeps nothing. */
import { createServer, type Socket } from 'node:net';
import { after } from 'node:test';
import type { AddressInfo } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Authority } from './authority.ts';

export interface Script {
  /** Replies to commands by their first word (`AUTH`, `MAIL`, `RCPT`), to the whole mail (`END`), or to nothing (`GREETING`); `cut` ends the connection, `hang` says nothing, `slow` waits before what is usual. */
  replies: Record<string, string | ((line: string) => string)>;
  /** Without it, no STARTTLS is offered. */
  tls?: Authority;
  /** It speaks TLS of so long ago that nobody agrees. */
  oldTls?: boolean;
  /** Where it listens; a free port of 127.0.0.1 by default. */
  at?: { host: string; port: number };
}

/** @returns its port, and the lines that clients said */
export async function smtpScript(script: Script): Promise<{ port: number; said: string[] }> {
  const said: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, script, said, true);
  });
  const sockets = new Set<Socket>();
  await new Promise<void>((resolve) => server.listen(script.at?.port ?? 0, script.at?.host ?? '127.0.0.1', resolve));
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, said };
}

function serve(socket: Socket | TLSSocket, script: Script, said: string[], greet: boolean): void {
  let buffer = '';
  let inMail = false;
  const say = (text: string): void => void socket.write(`${text}\r\n`);
  const reply = (key: string, line: string, otherwise: string): void => {
    const wanted = script.replies[key];
    if (wanted === 'hang') return;
    if (wanted === 'cut') return void socket.destroy();
    if (wanted === 'slow') return void setTimeout(say, 250, otherwise);
    say(typeof wanted === 'function' ? wanted(line) : (wanted ?? otherwise));
  };
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString('latin1');
    for (let at = buffer.indexOf('\r\n'); at >= 0; at = buffer.indexOf('\r\n')) {
      const line = buffer.slice(0, at);
      buffer = buffer.slice(at + 2);
      if (inMail) {
        if (line !== '.') continue;
        inMail = false;
        reply('END', '', '250 2.0.0 queued');
        continue;
      }
      said.push(line);
      const word = line.split(' ', 1)[0]?.toUpperCase() ?? '';
      if (word === 'EHLO') {
        const secure = socket instanceof TLSSocket;
        say(['250-script', ...(script.tls !== undefined && !secure ? ['250-STARTTLS'] : []), '250 AUTH PLAIN XOAUTH2'].join('\r\n'));
      } else if (word === 'STARTTLS' && script.tls !== undefined && script.replies['STARTTLS'] === undefined) {
        say('220 go ahead');
        const { cert, key } = script.tls;
        socket.removeAllListeners('data');
        serve(
          new TLSSocket(socket, {
            isServer: true,
            cert,
            key,
            ...(script.oldTls === true
              ? { secureContext: createSecureContext({ cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }) }
              : {}),
          }),
          script,
          said,
          false,
        );
        return;
      } else if (word === 'STARTTLS') reply('STARTTLS', line, '502 5.5.1 not implemented');
      else if (word === 'AUTH') reply('AUTH', line, '235 2.7.0 accepted');
      else if (word === 'DATA') {
        inMail = script.replies['DATA'] === undefined;
        reply('DATA', line, '354 go ahead');
      } else if (word === 'QUIT') {
        say('221 bye');
        socket.end();
      } else reply(word, line, '250 2.1.0 ok');
    }
  });
  if (greet) reply('GREETING', '', '220 script ESMTP');
}
