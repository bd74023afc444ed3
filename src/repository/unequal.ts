import { MailrecoverError } from '../errors/error.ts';

/** What is thrown where bytes do not come back as they were written, before they are stored. */
export function unequal(): MailrecoverError {
  return new MailrecoverError('failed', 'an object did not read back as it was written, so it was not stored', {
    hint: 'the memory or the processor of this host may be at fault; test them before the next backup',
  });
}
