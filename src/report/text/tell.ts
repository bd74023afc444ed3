import { inLanguage } from '../words/say.ts';
import type { TextHelpers } from './helpers.ts';

/**
 * A message of a finding or an error, or its hint, for people. Messages are made once, for people and programs: in English, and with times as programs
 * want them.
 */
export function tell(message: string, text: Pick<TextHelpers, 'lang' | 'time'>): string {
  return localTimes(inLanguage(text.lang, oneLine(message)), text);
}

function localTimes(message: string, text: Pick<TextHelpers, 'time'>): string {
  return message.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) => (Number.isNaN(Date.parse(iso)) ? iso : text.time(iso)));
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}
