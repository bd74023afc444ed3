import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { MailrecoverError } from '../errors/error.ts';

/** Asks at the terminal, on standard error; a secret is not shown as it is typed. */
export async function askAtTerminal(question: string, secret: boolean, signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new MailrecoverError('usage', 'this asks questions, and there is no terminal to ask them at', {
      hint: "run it at a terminal; over SSH: 'ssh -t HOST mailrecover …'",
    });
  }
  // A line editor writes more than the question; with a secret all of that goes nowhere, and the question is written here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: secret ? nowhere : process.stderr, terminal: true });
  try {
    if (secret) process.stderr.write(question);
    const text = await lines.question(secret ? '' : question, { signal });
    if (secret) process.stderr.write('\n');
    return text;
  } finally {
    lines.close();
  }
}
