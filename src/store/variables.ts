/** A variable of a mail path: which part of the user's name it stands for, and what is done to it. */
export interface VariablePart {
  /** `user` is `alice@example.org`, `local` is `alice`, `domain` is `example.org`. */
  name: 'user' | 'local' | 'domain';
  /** Lower-cased (`%Ln`, `%{user|lower}`). */
  lower: boolean;
  /** First byte taken (`%1.2n` takes two from the second on). */
  offset: number;
  /** How many bytes are taken; undefined is all. */
  length: number | undefined;
}

type Fail = (why: string, hint?: string) => never;

const SHORT: Record<string, VariablePart['name']> = { u: 'user', n: 'local', d: 'domain' };
const LONG: Record<string, VariablePart['name']> = { user: 'user', username: 'local', domain: 'domain' };

/**
 * Reads the variable at the beginning of `text`, in the spelling of Dovecot 2.3 (`%n`, `%Ln`, `%1n`, `%0.2n`,
 * `%L{username}`) or 2.4 (`%{user | username | lower}`, `%{user | substr(0, 1)}`), and says how many characters it
 * takes.
 */
export function parseVariable(text: string, fail: Fail): { part: VariablePart; consumed: number } {
  const match = /^%(?:(\d+)(?:\.(\d+))?)?([A-Z]*)(?:([a-z])|\{([^{}]*)\})/.exec(text);
  if (match === null) return fail(`'${text.slice(0, 12)}' is not a variable`, 'write %% for a percent sign that stands for itself');
  const [whole, first, second, modifiers = '', short, long] = match;
  if (first?.startsWith('0') && first.length > 1)
    fail(`'${whole}' pads with zeros`, 'only %u, %n, %d, lower-casing and prefixes are known');
  if (/[^L]/.test(modifiers)) {
    fail(`'${whole}' holds a modifier other than L`, 'a path that is hashed cannot be walked; name each place by a pattern of its own');
  }

  const part: VariablePart = {
    name: 'user',
    lower: modifiers !== '',
    // %2n is a width, %1.2n an offset and a width.
    offset: second === undefined ? 0 : Number(first),
    length: first === undefined ? undefined : Number(second ?? first),
  };
  if (short !== undefined) {
    const name = SHORT[short];
    if (name === undefined) return fail(`'${whole}' is not a variable of a mailbox`, 'use %u (user), %n (before the @) and %d (domain)');
    part.name = name;
  } else {
    applyLong(part, long ?? '', whole, fail);
  }
  if (part.length === 0) fail(`'${whole}' takes nothing of the name`);
  return { part, consumed: whole.length };
}

function applyLong(part: VariablePart, long: string, whole: string, fail: Fail): void {
  const [head = '', ...filters] = long.split('|').map((piece) => piece.trim());
  const name = LONG[head];
  if (name === undefined) fail(`'${whole}' is not a variable of a mailbox`, 'use %{user}, %{user|username} and %{user|domain}');
  else part.name = name;

  for (const filter of filters) {
    const substring = /^substr\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(filter);
    const shortened = part.length !== undefined;
    if (filter === 'lower') part.lower = true;
    else if ((filter === 'username' || filter === 'domain') && part.name === 'user' && !shortened)
      part.name = filter === 'domain' ? 'domain' : 'local';
    else if (substring !== null && !shortened) {
      part.offset = Number(substring[1]);
      part.length = Number(substring[2]);
    } else fail(`'${whole}' holds the filter '${filter}', which cannot be walked`, 'use username, domain, lower and substr(0, 1)');
  }
}
