import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CronExpressionParser } from 'cron-parser';
import { calendarZone, onCalendar } from '../../src/schedule/calendar.ts';
import { clockNotes } from '../../src/schedule/clock-changes.ts';
import { cronProblem, parseCron, plainCron } from '../../src/schedule/cron.ts';
import { dueBetween, lastDue, nextDue } from '../../src/schedule/times.ts';
import { transitions } from '../../src/system/zone.ts';
import { missing, run } from '../support/host.ts';
import { rounds } from '../support/soak.ts';

/** Expressions of every kind that is allowed. */
function field(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const item = fc.oneof(
    value.map(String),
    range,
    fc.tuple(range, fc.integer({ min: 1, max: 9 })).map(([r, step]) => `${r}/${step}`),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`) },
    { weight: 3, arbitrary: fc.uniqueArray(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(',')) },
  );
}

const expression = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
  .map((fields) => fields.join(' '))
  .filter((text) => cronProblem(text) === undefined);

test('fields have the values that the library finds in them', () => {
  fc.assert(
    fc.property(expression, (text) => {
      const ours = parseCron(text);
      let theirs;
      try {
        theirs = CronExpressionParser.parse(plainCron(text)).fields;
      } catch (error) {
        // Values that a list names twice are refused by the library only.
        assert.match(String(error), /duplicate/);
        return;
      }
      assert.deepEqual(ours.minute, [...theirs.minute.values]);
      assert.deepEqual(ours.hour, [...theirs.hour.values]);
      assert.deepEqual(ours.month, [...theirs.month.values]);
      assert.deepEqual(
        ours.dayOfWeek,
        [...new Set(theirs.dayOfWeek.values.map((day) => Number(day) % 7))].sort((a, b) => a - b),
      );
    }),
    { numRuns: 300 },
  );
});

test('what is no cron expression, or is read in two ways, is refused with what is wrong', () => {
  const wrong: [string, RegExp][] = [
    ['30 3 * *', /five fields/],
    ['0 30 3 * * *', /five fields/],
    ['@reboot', /@daily/],
    ['60 * * * *', /from 0 to 59/],
    ['5/10 * * * *', /a step follows/],
    ['* 5-3 * * *', /upwards/],
    ['*/0 * * * *', /never ends/],
    ['0 0 L * *', /from 1 to 31/],
    ['0 0 * * 1#2', /no number/],
    ['0 0 30 2 *', /never comes/],
    ['0 0 31 4,6,9,11 *', /never comes/],
    ['0 0 */2 * 1', /two ways/],
    ['0 0 1 foo *', /from 1 to 12/],
    ['', /five fields/],
  ];
  for (const [text, says] of wrong) assert.match(cronProblem(text) ?? 'nothing is wrong', says, text);
  for (const text of ['@daily', ' 30  3 * * *', '0 0 1-7 * 1', '0 0 * JAN,Feb MON-fri', '0 0 29 2 *', '0 22 * * 5-7'])
    assert.equal(cronProblem(text), undefined, text);
});

test('days that are both restricted become two calendar events', () => {
  assert.deepEqual(onCalendar(parseCron('0 4 1 * 1')), ['*-*-01 04:00:00', 'Mon *-*-* 04:00:00']);
  assert.deepEqual(onCalendar(parseCron('*/15 1-3,5 * * *'), 'UTC'), ['*-*-* 01..03,05:00,15,30,45:00 UTC']);
});

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Santiago'];

/** The times that systemd itself says, for the earliest of several events. */
function systemdTimes(events: readonly string[], from: number, count: number): number[] {
  const times = new Set<number>();
  for (const event of events) {
    const base = `${new Date(from).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    const said = run('env', [
      'TZ=UTC',
      'LC_ALL=C.UTF-8',
      'systemd-analyze',
      'calendar',
      `--base-time=${base}`,
      `--iterations=${count}`,
      event,
    ]);
    for (const [, day, time] of said.matchAll(/(?:Next elapse|Iter\. #\d+): \w{3} (\S+) (\S+) UTC/g))
      times.add(Date.parse(`${day}T${time}Z`));
  }
  return [...times].sort((a, b) => a - b).slice(0, count);
}

test('timers run at exactly the times that are told, also where clocks change', { skip: missing('systemd-analyze') }, async () => {
  const start = Date.parse('2026-01-01T00:00:00Z');
  await fc.assert(
    fc.asyncProperty(
      expression,
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: 700 }),
      fc.integer({ min: 0, max: 50 }),
      fc.boolean(),
      async (text, zone, days, hours, change) => {
        let from = start + days * 86_400_000;
        const next = transitions(zone, from, from + 366 * 86_400_000)[0];
        if (change && next !== undefined) from = next.at - hours * 3_600_000 - 1000;
        const fields = parseCron(text);
        const written = calendarZone(fields, zone, zone, from);
        const expected = systemdTimes(onCalendar(fields, written), from, 12);
        const told = await nextDue({ at: text, timeZone: zone, scheduler: 'systemd' }, from, expected.length);
        assert.deepEqual(
          told.map((at) => new Date(at).toISOString()),
          expected.map((at) => new Date(at).toISOString()),
          `${text} ${zone} from ${new Date(from).toISOString()}`,
        );
      },
    ),
    { numRuns: rounds(40, 3000) },
  );
});

test('the last time and the times between two moments fit the next ones', async () => {
  const due = { at: '*/20 2-4 * * *', timeZone: 'Europe/Berlin', scheduler: 'systemd' } as const;
  const from = Date.parse('2026-10-24T12:00:00Z');
  const next = await nextDue(due, from, 20);
  const last = next.at(-1) ?? 0;
  assert.deepEqual(await dueBetween(due, from, last, 1000), next);
  assert.equal(await lastDue(due, last), last, 'a moment at which it is due counts');
  assert.equal(await lastDue(due, last - 1), next.at(-2));
  assert.deepEqual(await dueBetween(due, from, last, 3), next.slice(-3));
});

test('a time that clocks skip is left out by systemd, and made up for by cron; both are said', async () => {
  const due = { at: '30 2 * * *', timeZone: 'Europe/Berlin' } as const;
  const from = Date.parse('2026-03-28T00:00:00Z');
  const iso = (times: number[]): string[] => times.map((at) => new Date(at).toISOString());
  assert.deepEqual(iso(await nextDue({ ...due, scheduler: 'systemd' }, from, 2)), ['2026-03-28T01:30:00.000Z', '2026-03-30T00:30:00.000Z']);
  assert.deepEqual(iso(await nextDue({ ...due, scheduler: 'cron' }, from, 2)), ['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z']);
  const job = { name: 'verify', words: ['verify'], randomDelay: 0, timeout: 0, memory: '1G' };
  const notes = clockNotes(
    [
      { ...job, at: due.at },
      { ...job, name: 'backup', at: '*/10 * * * *' },
    ],
    due.timeZone,
    'systemd',
    from,
  );
  assert.deepEqual(
    notes.map(({ job: name, kind }) => [name, kind]),
    [
      ['verify', 'left-out'],
      ['verify', 'once'],
    ],
  );
  assert.match(notes[0]?.message ?? '', /does not run at 02:30: clocks skip 02:00 to 03:00 on 2026-03-29/);
});
