/** One entry of the catalogue, ready to be looked up. */
export interface Template {
  /** The English text, its parts numbered in their order: `{0} of {1}`. */
  english: string;
  /** What stands before, between and behind the parts. */
  pieces: readonly string[];
  /** The text in the other language, with the same numbers. */
  says: string;
  /** How many letters of its own the English text has. */
  weight: number;
}

const PART = /\{(\w+)\}/g;

/** An entry whose parts have names or numbers, `{what} of {whom}`: a part is known by its name in both languages. */
export function template(english: string, says: string): Template {
  const names: string[] = [];
  const numbered = english.replace(PART, (_, name: string) => {
    names.push(name);
    return `{${names.length - 1}}`;
  });
  return {
    english: numbered,
    pieces: english.split(/\{\w+\}/),
    says: says.replace(PART, (_, name: string) => `{${names.indexOf(name)}}`),
    weight: english.replace(PART, '').replace(/[^A-Za-z]/g, '').length,
  };
}

/** One part of a text, and whether it stands in quotation marks, as names and paths do. */
export interface Part {
  text: string;
  quoted: boolean;
}

/**
 * The parts that make a text out of a template, each as short as can be; undefined where the text is not made by it. Taking the next place where a piece
 * fits finds a way whenever there is one, as with the wildcards of a shell, so it takes no longer than the text is.
 */
export function partsOf(text: string, pieces: readonly string[]): Part[] | undefined {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last)) return undefined;
  const parts: Part[] = [];
  let at = first.length;
  let before = first;
  for (let index = 1; index < pieces.length; index++) {
    // Parts may touch: the later one is what is added at times, as in `there is no mailbox{0} {1}`.
    let touching = 0;
    while (index < pieces.length - 1 && pieces[index] === '') {
      touching++;
      index++;
    }
    const piece = pieces[index] ?? '';
    const to = index === pieces.length - 1 ? text.length - last.length : text.indexOf(piece, at);
    if (to < at) return undefined;
    const quoted = before.endsWith("'") && piece.startsWith("'");
    parts.push(...divided(text.slice(at, to), touching).map((part) => ({ text: part, quoted })));
    before = piece;
    at = to + piece.length;
  }
  return parts;
}

/** What several parts that touch have between them: each after the first begins with a mark. */
function divided(text: string, touching: number): string[] {
  if (touching === 0) return [text];
  const mark = text.search(/[,;:] | \(/);
  return mark === -1
    ? [text, ...Array.from({ length: touching }, () => '')]
    : [text.slice(0, mark), ...divided(text.slice(mark), touching - 1)];
}
