/**
 * Cron expressions: five fields as crontab(5) of Debian's cron reads them. What other programs add (seconds, `L`, `#`, `?`, `H`) is refused, and so is
 * what two crons read in two ways, since the same line may run under cron and as a systemd timer.
 */
import { MailrecoverError } from '../errors/error.ts';

/** The values of each field, ascending, without repetition; Sunday is 0. */
export interface CronFields {
  minute: number[];
  hour: number[];
  dayOfMonth: number[];
  month: number[];
  dayOfWeek: number[];
  /** Both days are restricted: one that fits either of them counts (crontab(5)). */
  eitherDay: boolean;
}

interface FieldRule {
  name: string;
  min: number;
  max: number;
  words?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const RULES = {
  minute: { name: 'minute', min: 0, max: 59 },
  hour: { name: 'hour', min: 0, max: 23 },
  dayOfMonth: { name: 'day of the month', min: 1, max: 31 },
  month: { name: 'month', min: 1, max: 12, words: ['', ...MONTHS] },
  // 0 and 7 are both Sunday.
  dayOfWeek: { name: 'day of the week', min: 0, max: 7, words: DAYS },
} as const satisfies Record<string, FieldRule>;

/** The most days that a month has; February in a leap year. */
const LONGEST = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

/** A nickname such as `@daily` as its five fields; anything else as it is, with single blanks. */
export function plainCron(text: string): string {
  const trimmed = text.trim().replace(/\s+/g, ' ').toLowerCase();
  return NICKNAMES[trimmed] ?? trimmed;
}

/** What is wrong with an expression, in words that follow its name, or undefined. */
export function cronProblem(text: string): string | undefined {
  const read = readFields(text);
  return typeof read === 'string' ? read : undefined;
}

/** @throws MailrecoverError `config` */
export function parseCron(text: string): CronFields {
  const read = readFields(text);
  if (typeof read !== 'string') return read;
  throw new MailrecoverError('config', `'${text}' is no cron expression: it ${read}`, {
    hint: "five fields: minute, hour, day of the month, month, day of the week, such as '30 3 * * *'",
    subject: text,
  });
}

function readFields(text: string): CronFields | string {
  const plain = plainCron(text);
  if (plain.startsWith('@')) return `may be one of ${Object.keys(NICKNAMES).join(', ')}, or five fields`;
  const parts = plain.split(' ');
  const [, , dayOfMonth, , dayOfWeek] = parts;
  if (parts.length !== 5 || dayOfWeek === undefined) return `must have five fields: minute, hour, day of the month, month, day of the week`;
  const values: Record<string, number[]> = {};
  for (const [at, [key, rule]] of Object.entries(RULES).entries()) {
    const read = readField(parts[at] ?? '', rule);
    if (typeof read === 'string') return read;
    values[key] = read;
  }
  const fields: CronFields = {
    minute: values['minute'] ?? [],
    hour: values['hour'] ?? [],
    dayOfMonth: values['dayOfMonth'] ?? [],
    month: values['month'] ?? [],
    dayOfWeek: [...new Set(values['dayOfWeek']?.map((day) => day % 7))].sort((a, b) => a - b),
    eitherDay: dayOfMonth !== '*' && dayOfWeek !== '*',
  };
  // For '*/2' together with a weekday, Debian's cron wants both to fit, and others one of them.
  if (fields.eitherDay && [dayOfMonth, dayOfWeek].some((field) => field?.startsWith('*') === true))
    return "restricts both days, one of them by '*/…', which crons read in two ways; write the days out, or use two jobs";
  if (dayOfWeek === '*' && !fields.month.some((each) => fields.dayOfMonth.some((day) => day <= (LONGEST[each] ?? 0))))
    return `never comes: no such month has a day ${fields.dayOfMonth.join(', ')}`;
  return fields;
}

function readField(field: string, { name, min, max, words }: FieldRule): number[] | string {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const match = /^(?:(\*)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/(\d{1,3}))?$/.exec(item);
    if (match === null) return `has '${item}' as ${name}, which is no number, range, list or step`;
    const [, star, first, last, step] = match;
    if (step !== undefined && star === undefined && last === undefined)
      return `has '${item}' as ${name}: a step follows '*' or a range, such as ${first ?? ''}-${max}/${step}`;
    const from = star === undefined ? valueOf(first ?? '', words) : min;
    const to = star === undefined ? (last === undefined ? from : valueOf(last, words)) : words === DAYS ? 6 : max;
    if (from === undefined || to === undefined || from < min || to > max)
      return `has '${item}' as ${name}, which goes from ${min} to ${max}`;
    if (from > to) return `has '${item}' as ${name}: a range goes upwards`;
    if (step !== undefined && Number(step) === 0) return `has '${item}' as ${name}: a step of 0 never ends`;
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function valueOf(text: string, words: readonly string[] | undefined): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const at = text === '' ? -1 : (words?.indexOf(text) ?? -1);
  return at < 0 ? undefined : at;
}

/** Whether it comes at these minutes of every hour of every day. */
export function isHourly(fields: CronFields): boolean {
  return fields.hour.length === 24 && fields.dayOfMonth.length === 31 && fields.month.length === 12 && fields.dayOfWeek.length === 7;
}

/** The same as an expression in which every value stands once, as libraries like it. */
export function listedCron(fields: CronFields): string {
  const { minute, hour, dayOfMonth, month, dayOfWeek, eitherDay } = fields;
  const list = (values: readonly number[], all: number, star = true): string => (star && values.length === all ? '*' : values.join(','));
  return [list(minute, 60), list(hour, 24), list(dayOfMonth, 31, !eitherDay), list(month, 12), list(dayOfWeek, 7, !eitherDay)].join(' ');
}
