const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';

/** Minutes east of UTC; other letters say nothing (RFC 5322 section 4.3) and count as UTC. */
const ZONES: Record<string, number> = { EST: -300, EDT: -240, CST: -360, CDT: -300, MST: -420, MDT: -360, PST: -480, PDT: -420, JST: 540 };

const DATE =
  /^\s*(?:[A-Za-z]{3,9}[.,\s]\s*)?(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*\.?[\s-]+(\d{2,4})[\s,]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.\d+)?(?:\s*([+-]\d{4})|\s+([A-Z]{1,5})\b)?/;

/**
 * The value of a Date field (RFC 5322 section 3.3, with the obsolete forms of 4.3) as UTC ISO 8601 without fractions:
 * `2026-11-20T02:00:00Z`. Undefined for what is no date.
 */
export function parseDate(value: string): string | undefined {
  const match = DATE.exec(value);
  if (match === null) return undefined;
  const [, day, name, yearText = '', hour, minute, second, offset, zone] = match;
  const month = MONTHS.indexOf((name ?? '').toLowerCase()) / 3;
  if (!Number.isInteger(month) || month < 0) return undefined;
  let year = Number(yearText);
  // Two digits: 00 to 49 are this century. Three, or a zero before them: years since 1900, as programs with a year-2000
  // bug wrote them.
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900;
  else if (year < 200) year += 1900;
  const parts = [Number(day), Number(hour), Number(minute), Number(second ?? 0)] as const;
  if (parts[0] < 1 || parts[0] > 31 || parts[1] > 24 || parts[2] > 59 || parts[3] > 60 || year < 1900) return undefined;

  const east = offset === undefined ? (ZONES[zone ?? ''] ?? 0) : minutes(offset);
  const at = new Date(Date.UTC(year, month, parts[0], parts[1], parts[2] - east, parts[3]));
  // Three times as fast as toISOString(), which counts with millions of messages.
  const date = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  return `${date}T${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}Z`;
}

const TWO: readonly string[] = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

function two(n: number): string {
  return TWO[n] ?? '';
}

function minutes(offset: string): number {
  const amount = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3));
  return offset.startsWith('-') ? -amount : amount;
}
