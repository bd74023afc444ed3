import { MailrecoverError } from '../../errors/error.ts';

const UNIT: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A span such as `7d`, in seconds. @throws MailrecoverError `usage` */
export function spanSeconds(option: string, text: string): number {
  const [, number = '', unit = ''] = /^([1-9]\d{0,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNIT[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new MailrecoverError('usage', `${option} '${text}' is no span`, { hint: 'write it as 12h, 7d or 4w' });
}
