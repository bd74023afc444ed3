import { connect } from 'node:net';

/** LMTP replies are short; whoever sends more is no LMTP server. */
const MAX_REPLIES = 1 << 16;

/**
 * Delivers one message over LMTP on a Unix socket (RFC 2033).
 * @param message with CRLF at the ends of its lines, without the final dot
 * @returns the reply to the message
 * @throws an Error that names the reply when it is refused, or the connection's error
 */
export async function deliverByLmtp(path: string, recipient: string, message: string, timeoutMs: number): Promise<string> {
  const body = message.replace(/^\./gm, '..');
  const steps: [command: string | undefined, expected: string][] = [
    [undefined, '220'],
    ['LHLO localhost', '250'],
    ['MAIL FROM:<>', '250'],
    [`RCPT TO:<${recipient}>`, '250'],
    ['DATA', '354'],
    [`${body}${body.endsWith('\r\n') ? '' : '\r\n'}.`, '250'],
  ];
  return await new Promise<string>((resolve, reject) => {
    const socket = connect({ path });
    let received = '';
    let step = 0;
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error('the lmtp server is silent')));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the lmtp server closed the connection')));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received.length > MAX_REPLIES) fail(new Error('the lmtp server says too much'));
      // A reply ends with a line that has a blank after its code.
      for (let reply; (reply = /^(?:\d{3}-.*\r?\n)*(\d{3}(?: .*)?)\r?\n/.exec(received)) !== null && !socket.destroyed;) {
        received = received.slice(reply[0].length);
        const line = reply[1] ?? '';
        if (!line.startsWith(steps[step]?.[1] ?? '')) return fail(new Error(`lmtp: ${line}`));
        const next = steps[++step];
        if (next === undefined) {
          resolve(line);
          socket.end('QUIT\r\n');
          return;
        }
        socket.write(`${next[0] ?? ''}\r\n`, 'latin1');
      }
    });
  });
}
