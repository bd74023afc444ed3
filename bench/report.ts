import type { Check, Result } from './jobs/job.ts';
import { median, type Series } from './rounds.ts';

export interface Finished extends Result {
  name: string;
  title: string;
}

/** One job as text: a line for each thing measured, then what was asked of it. */
export function renderJob({ title, series, checks, notes = [] }: Finished): string {
  const lines = ['', title];
  if (series.length > 0) lines.push(row('', 'least', 'median', 'most', 'processor', 'memory'));
  for (const one of series) lines.push(renderSeries(one));
  for (const note of notes) lines.push(`  ${note}`);
  for (const check of checks) lines.push(renderCheck(check));
  return lines.join('\n');
}

function renderSeries({ label, samples }: Series): string {
  const walls = samples.map(({ wall }) => wall);
  const memory = Math.max(...samples.map((sample) => sample.memory));
  const seconds = (value: number) => `${value.toFixed(value < 1 ? 3 : 2)} s`;
  return row(
    label,
    seconds(Math.min(...walls)),
    seconds(median(walls)),
    seconds(Math.max(...walls)),
    seconds(median(samples.map(({ cpu }) => cpu))),
    memory > 0 ? `${(memory / 1e6).toFixed(0)} MB` : '',
  );
}

function row(label: string, ...cells: string[]): string {
  return `  ${label.padEnd(26)}${cells.map((cell) => cell.padStart(11)).join('')}`;
}

function renderCheck(check: Check): string {
  const value = check.unit ? `${round(check.value)} ${check.unit}` : round(check.value);
  const limit = check.unit ? `${check.limit} ${check.unit}` : `${check.limit}`;
  return `  ${passed(check) ? 'ok  ' : 'FAIL'}  ${check.what}: ${value}, at most ${limit}`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function passed({ value, limit }: Check): boolean {
  return value <= limit;
}

/** Everything measured, for machines. Memory and sizes in bytes, times in seconds. */
export function toJson(about: unknown, jobs: Finished[]): string {
  const plain = jobs.map((job) => ({
    ...job,
    checks: job.checks.map((check) => ({ ...check, passed: passed(check) })),
    series: job.series.map(({ label, samples }) => ({ label, samples: samples.map(({ wall, cpu, memory }) => ({ wall, cpu, memory })) })),
  }));
  return `${JSON.stringify({ about, jobs: plain }, null, 2)}\n`;
}
