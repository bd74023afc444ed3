/** A piece of an IMAP response: an atom or string, a literal, NIL, or a list in parentheses. */
export type Token = string | Buffer | null | Token[];

/** One response: what stands between two line ends, with its literals. */
export interface Response {
  /** The text, each literal as `{n}` in place. */
  text: string;
  literals: Buffer[];
}

/** Cuts a stream of bytes into responses (RFC 3501 section 7): literals may hold anything, also line ends. */
export class ResponseReader {
  #chunks: Buffer = Buffer.alloc(0);
  #text = '';
  #literals: Buffer[] = [];
  #wanted = 0;
  #pieces: Buffer[] = [];

  /** The responses that are complete with this chunk. */
  *push(chunk: Buffer): Generator<Response> {
    let rest = chunk;
    for (;;) {
      if (this.#wanted > 0) {
        const part = rest.subarray(0, this.#wanted);
        this.#pieces.push(part);
        this.#wanted -= part.length;
        rest = rest.subarray(part.length);
        if (this.#wanted > 0) return;
        this.#literals.push(Buffer.concat(this.#pieces));
        this.#pieces = [];
      }
      const line = this.#chunks.length > 0 ? Buffer.concat([this.#chunks, rest]) : rest;
      const end = line.indexOf('\r\n');
      if (end < 0) {
        this.#chunks = line;
        return;
      }
      this.#chunks = Buffer.alloc(0);
      this.#text += line.toString('utf8', 0, end);
      rest = line.subarray(end + 2);
      const literal = /\{(\d+)\}$/.exec(this.#text);
      if (literal === null) {
        yield { text: this.#text, literals: this.#literals };
        [this.#text, this.#literals] = ['', []];
      } else if (literal[1] === '0') this.#literals.push(Buffer.alloc(0));
      else this.#wanted = Number(literal[1]);
    }
  }
}

/** The tokens of a response from position `start` of its text on. */
export function parse({ text, literals }: Response, start = 0): Token[] {
  const stack: Token[][] = [[]];
  let used = 0;
  const pattern = /\s*(?:(\()|(\))|\{(\d+)\}|"((?:[^"\\]|\\.)*)"|(BODY\[[^\]]*\](?:<\d+>)?|[^\s()"{]+))/giy;
  pattern.lastIndex = start;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, open, close, literal, quoted, atom] = match;
    const top = stack.at(-1) ?? [];
    if (open !== undefined) {
      const list: Token[] = [];
      top.push(list);
      stack.push(list);
    } else if (close !== undefined) stack.pop();
    else if (literal !== undefined) top.push(literals[used++] ?? null);
    else if (quoted !== undefined) top.push(quoted.replace(/\\(.)/g, '$1'));
    else if (atom !== undefined) top.push(atom === 'NIL' ? null : atom);
  }
  return stack[0] ?? [];
}

/** What a FETCH response says: its items by upper-case name. */
export function fetchItems(response: Response): Map<string, Token> {
  const at = response.text.indexOf('(');
  const [list] = parse(response, at);
  const items = new Map<string, Token>();
  if (!Array.isArray(list)) return items;
  for (let index = 0; index + 1 < list.length; index += 2) items.set(String(list[index]).toUpperCase(), list[index + 1] ?? null);
  return items;
}
