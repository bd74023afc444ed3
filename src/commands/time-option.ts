import { MailrecoverError } from '../errors/error.ts';
import { parseLocalTime } from '../repository/local-time.ts';

/** A time that an option names, in milliseconds since 1970. @param edge which end of a day is meant @throws MailrecoverError `usage` */
export function timeOf(option: string, text: string | undefined, edge: 'start' | 'end'): number | undefined {
  if (text === undefined) return undefined;
  const time = parseLocalTime(text, edge);
  if (time === undefined)
    throw new MailrecoverError('usage', `${option} '${text}' is no time`, {
      hint: "write it as 2026-11-20, '2026-11-20 03:00' or yesterday",
      subject: text,
    });
  return time;
}
