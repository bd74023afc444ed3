/** Runs a program on a terminal of its own (by script(1)), and answers what it asks. */
import { spawn } from 'node:child_process';
import { findProgram } from './host.ts';

export interface Dialogue {
  code: number | null;
  /** All that appeared on the terminal. */
  screen: string;
}

/** An answer to a question, or several to the same question one after the other. */
export type Answers = readonly (readonly [question: RegExp, answer: string | ((match: RegExpExecArray) => string)])[];

/** What a line editor may send behind a question before anything is typed. */
// oxlint-disable-next-line no-control-regex
const CURSOR = /(?:\u001B\[\d*[A-Z])*$/;
/** A program that waits for an answer that no one has is ended after this long. */
const PATIENCE_MS = 120_000;

/**
 * Answers each question, as often as it is asked, in whatever order they come. A question is what stands at the end of the screen,
 * with nothing typed behind it; the pattern should reach to its end.
 */
export function onTerminal(
  program: string,
  args: readonly string[],
  answers: Answers,
  env: Record<string, string> = {},
): Promise<Dialogue> {
  const command = [program, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram('script') ?? 'script', ['-qefc', `exec ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', TZ: 'UTC', ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const impatience = setTimeout(() => child.kill('SIGTERM'), PATIENCE_MS);
    let screen = '';
    let answered = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
      // Between two questions the line ends.
      if (answered > 0 && !screen.slice(answered).includes('\n')) return;
      for (const [question, answer] of answers) {
        const match = new RegExp(`${question.source}${CURSOR.source}`).exec(screen.slice(answered));
        if (match === null) continue;
        answered = screen.length;
        child.stdin.write(`${typeof answer === 'string' ? answer : answer(match)}\r`);
        return;
      }
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(impatience);
      resolve({ code, screen });
    });
  });
}
