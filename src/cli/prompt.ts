import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { MailrecoverError } from '../errors/error.ts';

/** Asks at the terminal, on standard error; a secret is not shown as it is typed. */
export async function askAtTerminal(question: string, secret: boolean, signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new MailrecoverError('usage', `there is no terminal to ask at: ${question}`);
  }
  let hidden = false;
  const shown = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (hidden) done();
      else process.stderr.write(chunk, () => done());
    },
  });
  const lines = createInterface({ input: process.stdin, output: secret ? shown : process.stderr, terminal: true });
  try {
    const answer = lines.question(question, { signal });
    hidden = secret;
    const text = await answer;
    if (secret) process.stderr.write('\n');
    return text;
  } finally {
    lines.close();
  }
}
