/** A span for people who read a record: `45 s`, `12 min 5 s`, `2 h 3 min`. */
export function shownSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}
