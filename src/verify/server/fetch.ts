import { ImapProtocolError, type ImapResponse } from './reader.ts';

/** What a FETCH response says, of the items that are asked for here. */
export interface Fetched {
  uid?: number;
  flags?: string[];
  /** Seconds since 1970; NaN where it is no date. */
  internalDate?: number;
  /** One character a byte; '' where the server has none. */
  guid?: string;
  /** RFC822.SIZE */
  size?: number;
}

/** Reads `* 12 FETCH (UID 7 FLAGS (…) …)`; undefined for any other response (RFC 3501, 7.4.2). */
export function parseFetch(response: ImapResponse): Fetched | undefined {
  const head = /^\* \d+ FETCH \(/i.exec(response.text);
  if (head === null) return undefined;
  const values = new Values(response, head[0].length);
  const fetched: Fetched = {};
  while (!values.done()) {
    const item = values.item();
    const value = values.value();
    if (item === 'UID') fetched.uid = whole(value);
    else if (item === 'RFC822.SIZE') fetched.size = whole(value);
    else if (item === 'INTERNALDATE') fetched.internalDate = parseInternalDate(String(value ?? ''));
    else if (item === 'X-GUID') fetched.guid = typeof value === 'string' ? value : '';
    else if (item === 'FLAGS' && Array.isArray(value)) fetched.flags = value.map(String);
  }
  return fetched;
}

/** Reads `* LIST (\HasNoChildren) "/" INBOX`: the attributes in lower case and the name as it stands there; undefined for any other response. */
export function parseList(response: ImapResponse): { attributes: string[]; name: string } | undefined {
  const head = /^\* LIST /i.exec(response.text);
  if (head === null) return undefined;
  const values = new Values(response, head[0].length);
  const attributes = values.value();
  values.value();
  const name = values.value();
  if (!Array.isArray(attributes) || typeof name !== 'string') throw new ImapProtocolError('a LIST response makes no sense');
  return { attributes: attributes.map((one) => String(one).toLowerCase()), name };
}

type Value = string | null | Value[];

const MAX_DEPTH = 16;

class Values {
  private readonly text: string;
  private readonly literals: (Buffer | null)[];
  private at: number;
  private literal = 0;

  constructor(response: ImapResponse, at: number) {
    this.text = response.text;
    this.literals = response.literals;
    this.at = at;
  }

  done(): boolean {
    this.skipSpaces();
    if (this.at >= this.text.length) throw new ImapProtocolError('a FETCH response has no end');
    return this.text[this.at] === ')';
  }

  /** The name of an item, upper-case: up to a space; `BODY[]` has no spaces inside here. */
  item(): string {
    const end = this.text.indexOf(' ', this.at);
    if (end < 0) throw new ImapProtocolError('a FETCH response has no value');
    const item = this.text.slice(this.at, end);
    this.at = end + 1;
    return item.toUpperCase();
  }

  /** A string, a list, or null for NIL and for literals that a sink has taken. */
  value(depth = 0): Value {
    this.skipSpaces();
    const first = this.text[this.at];
    if (first === '"') return this.quoted();
    if (first === '\0') {
      this.at++;
      return this.literals[this.literal++]?.toString('latin1') ?? null;
    }
    if (first === '(') {
      if (depth >= MAX_DEPTH) throw new ImapProtocolError('a response is nested too deeply');
      this.at++;
      const list: Value[] = [];
      while (!this.done()) list.push(this.value(depth + 1));
      this.at++;
      return list;
    }
    const start = this.at;
    while (this.at < this.text.length && !' ()"\0'.includes(this.text.charAt(this.at))) this.at++;
    if (this.at === start) throw new ImapProtocolError('a response has a value that is none');
    const atom = this.text.slice(start, this.at);
    return atom.toUpperCase() === 'NIL' ? null : atom;
  }

  private quoted(): string {
    let value = '';
    for (let at = this.at + 1; at < this.text.length; at++) {
      const char = this.text.charAt(at);
      if (char === '"') {
        this.at = at + 1;
        return value;
      }
      value += char === '\\' ? this.text.charAt(++at) : char;
    }
    throw new ImapProtocolError('a quoted string has no end');
  }

  private skipSpaces(): void {
    while (this.text[this.at] === ' ') this.at++;
  }
}

function whole(value: Value): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw new ImapProtocolError('a response has no number where one is wanted');
  return number;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Seconds since 1970 of `21-Nov-2026 23:18:50 +0100` (RFC 3501, date-time); NaN for anything else. */
export function parseInternalDate(text: string): number {
  const parts = /^\s?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/.exec(text);
  if (parts === null) return Number.NaN;
  const [, day, month = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = parts;
  const index = MONTHS.indexOf(month.toLowerCase());
  if (index < 0) return Number.NaN;
  const date = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60;
  return sign === '-' ? date + zone : date - zone;
}

/** UIDs in ascending order as sets of ranges (`1:5,9`), each short enough for one command line. */
export function uidSets(uids: readonly number[], maxLength = 4000): string[] {
  const sets: string[] = [];
  let set = '';
  for (let at = 0; at < uids.length; at++) {
    const first = uids[at];
    let last = first;
    while (last !== undefined && uids[at + 1] === last + 1) last = uids[++at];
    const range = first === last ? String(first) : `${first}:${last}`;
    if (set !== '' && set.length + range.length >= maxLength) {
      sets.push(set);
      set = '';
    }
    set += set === '' ? range : `,${range}`;
  }
  if (set !== '') sets.push(set);
  return sets;
}
