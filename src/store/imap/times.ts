/** Seconds since 1970 of a time as the IMAP client gives it; 0 where there is none. */
export function toSeconds(time: Date | string | undefined): number {
  if (time === undefined) return 0;
  const milliseconds = new Date(time).getTime();
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}
