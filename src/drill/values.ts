/** `${…}` in recipes: variables, and outputs of steps that were run. */
import { MailrecoverError } from '../errors/error.ts';

/** `$${` stands for `${`. */
const PLACE = /\$\$\{|\$\{([^}]*)\}/g;

/** What stands between `${` and `}` anywhere in a text. */
export function referencesIn(text: string): string[] {
  return [...text.matchAll(PLACE)].flatMap(([, name]) => (name === undefined ? [] : [name.trim()]));
}

/** Values by what stands for them: `to`, `ready.active`. */
export type Values = ReadonlyMap<string, string>;

/**
 * The text with all that stands for something replaced; what comes in is not looked at again.
 * @param unknown what to put in place of an output that there is not yet; without it that is an error
 */
export function fill(text: string, values: Values, unknown?: (name: string) => string): string {
  return text.replace(PLACE, (place, name: string | undefined) => {
    if (name === undefined) return '${';
    const known = values.get(name.trim());
    if (known !== undefined) return known;
    if (unknown !== undefined) return unknown(name.trim());
    throw new MailrecoverError('failed', `nothing is known of '${place}': the step that gives it was left out, or gave nothing`, {
      hint: 'look at the steps before this one in the record',
    });
  });
}

/** The field of a document at a path such as `loss.seconds`, as text; undefined where there is none. */
export function fieldAt(document: unknown, path: string): string | undefined {
  let at: unknown = document;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  if (at === undefined) return undefined;
  if (at === null) return '';
  return typeof at === 'string' ? at : JSON.stringify(at);
}
