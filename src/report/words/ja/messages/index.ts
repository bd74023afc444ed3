/**
 * Messages of findings and errors, and hints: in English, as they are made where they arise, with `{name}` for what differs, and in Japanese. The first that
 * fits is taken. A test sees to it that the English of each still stands in the source.
 */
import { mail } from './mail.ts';
import { repository } from './repository.ts';
import { runs } from './runs.ts';
import { status } from './status.ts';

export const MESSAGES: readonly (readonly [string, string])[] = [...status, ...repository, ...mail, ...runs];
