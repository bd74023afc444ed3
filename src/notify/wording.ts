/** How what is added to a mail on its way is said: in English, unless whoever sends it says otherwise. */
export interface Wording {
  /** A text, which is made in English, as the reader of the mail understands it. */
  say: (english: string) => string;
  /** `3 h`, `2 days`: as rough as it may be. */
  span: (milliseconds: number) => string;
}

export const ENGLISH: Wording = {
  say: (english) => english,
  span(milliseconds) {
    const rounded = roughly(milliseconds);
    if (rounded >= 48 * HOUR) return `${rounded / DAY} days`;
    return rounded >= 2 * HOUR ? `${rounded / HOUR} h` : `${rounded / MINUTE} min`;
  },
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Whole minutes, from two hours on whole hours, from two days on whole days. */
export function roughly(milliseconds: number): number {
  const hours = Math.round(milliseconds / HOUR);
  if (hours >= 48) return Math.round(hours / 24) * DAY;
  const minutes = Math.round(milliseconds / MINUTE);
  return minutes >= 120 ? hours * HOUR : minutes * MINUTE;
}
