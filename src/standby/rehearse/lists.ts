/** Whether an address stands on block lists (RFC 5782). */
import { isIP } from 'node:net';
import { digitsOf, type Names } from '../prepare/dns/ask.ts';

export interface Listing {
  list: string;
  /** `unanswered`: the list did not answer, or does not answer to this resolver. */
  state: 'clean' | 'listed' | 'unanswered';
  /** What the list says about it. */
  because?: string;
}

export async function askLists(names: Names, address: string, lists: readonly string[]): Promise<Listing[]> {
  if (isIP(address) === 0) return [];
  const reversed = isIP(address) === 4 ? address.split('.').toReversed().join('.') : digitsOf(address).split('').toReversed().join('.');
  return Promise.all(
    lists.map(async (list): Promise<Listing> => {
      const name = `${reversed}.${list}`;
      const answers = await names.addresses(name, 4);
      if (answers === undefined) return { list, state: 'unanswered' };
      if (answers.length === 0) return { list, state: 'clean' };
      const because = (await names.txt(name))?.[0];
      // Codes with which lists refuse public resolvers, and those who ask too much.
      if (answers.every((answer) => answer.startsWith('127.255.255.') || !answer.startsWith('127.')))
        return { list, state: 'unanswered', ...(because === undefined ? {} : { because }) };
      return { list, state: 'listed', because: because ?? answers.join(', ') };
    }),
  );
}
