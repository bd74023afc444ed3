import { spawnSync } from 'node:child_process';
import { BINARY, type Document, mailrecover } from '../support/binary.ts';

const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = (text: string): string => paint(1, text);
export const green = (text: string): string => paint(32, text);
export const red = (text: string): string => paint(31, text);
const dim = (text: string): string => paint(2, text);

export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

let steps = 0;

/** The heading of a step. */
export function step(title: string): void {
  print(`\n${bold(`${++steps}. ${title}`)}`);
}

/** What the demo itself has to say. */
export function say(text: string): void {
  for (const line of text.trimEnd().split('\n')) print(`   ${line}`);
}

/** Arguments as one types them in a shell. */
export function typed(words: string[]): string {
  return words.map((word) => (/^[A-Za-z0-9_@%+=:,./~-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`)).join(' ');
}

function prompt(words: string[]): void {
  print(`   ${dim('$')} ${bold(typed(words))}`);
}

/** Runs a program of the host, shown as typed; what it prints is shown, too. */
export function shell(program: string, ...args: string[]): void {
  shellIn('/', program, ...args);
}

/** The same in another directory. */
export function shellIn(directory: string, program: string, ...args: string[]): void {
  if (directory !== '/') prompt(['cd', directory]);
  prompt([program, ...args]);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: directory });
  if (`${stdout}${stderr}` !== '') say(stdout + stderr);
  if (status !== 0) throw new CommandFailed(`${program} ended with ${status ?? 'a signal'}`);
}

/** The demo can't go on, for a reason that its message says in full. */
export class CommandFailed extends Error {}

export interface Program {
  env: Record<string, string>;
}

/** Runs the program, shown as typed, and shows what it prints. Gives standard output. */
export async function command({ env }: Program, ...args: string[]): Promise<string> {
  prompt(['mailrecover', ...args]);
  const ran = await mailrecover(args, { env, timeout: 3_600_000 });
  const text = ran.stdout + ran.stderr;
  if (text.trim() !== '') say(text);
  if (ran.code !== 0) {
    say(red(`exit ${ran.code ?? ran.signal}`));
    throw new CommandFailed(`'mailrecover ${typed(args)}' ended with ${ran.code ?? ran.signal}`);
  }
  return ran.stdout;
}

/** Asks the program for its JSON document, without showing it: for the figures of the verdict. */
export async function ask({ env }: Program, ...args: string[]): Promise<Document> {
  const ran = await mailrecover([...args, '--json'], { env });
  if (ran.code !== 0) throw new CommandFailed(`'${BINARY} ${typed(args)} --json' ended with ${ran.code ?? ran.signal}: ${ran.stderr}`);
  return ran.json();
}
