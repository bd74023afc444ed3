/**
 * Pings to a dead man's switch (healthchecks.io: "Pinging API"): an address that is told that a job began and how it
 * ended. That it can't be told is never the job's fault, and costs it little time.
 */
import { readFile } from 'node:fs/promises';
import { ioError, MailrecoverError } from '../errors/error.ts';
import { monotonic, sleep } from '../system/clock.ts';
import { readSecret } from '../system/secret.ts';
import { createFetch } from './http.ts';
import { networkRefusal } from './network.ts';
import { cutLine } from './webhooks/cut.ts';

export interface PingTarget {
  /** The address, or a reference to it (src/system/secret.ts). */
  url: string;
  style: 'healthchecks' | 'plain';
  caFile?: string | undefined;
}

export type PingEvent = { kind: 'start' } | { kind: 'success' } | { kind: 'log' } | { kind: 'fail'; exitCode: number };

export interface PingDetails {
  /** The same UUID for the start and the end of one run. */
  rid: string;
  body?: string;
  /** How long it may take in all, milliseconds. */
  budgetMs: number;
  signal?: AbortSignal;
}

const TRIES = 3;
const WAIT_MS = 400;
const SHORT_MS = 2500;
/** Hosted checks keep 100 kB of a body; the end of it tells most. */
const MAX_BODY = 10_000;

/** Sends one ping, again where it fails for now. Never throws. @returns what was in the way, without the address */
export async function sendPing(target: PingTarget, event: PingEvent, details: PingDetails): Promise<string | undefined> {
  // A plain check knows of success alone.
  if (target.style === 'plain' && event.kind !== 'success') return undefined;
  const end = monotonic() + details.budgetMs;
  try {
    const base = await addressOf(target);
    const ca = target.caFile === undefined ? {} : { ca: await pem(target.caFile) };
    for (let tries = 1; ; tries++) {
      const left = end - monotonic();
      // Half of the time, so that there is some for another try; where there is little, one that waits is better.
      const patience = Math.max(1, tries < TRIES && left > SHORT_MS ? left / 2 : left);
      const problem = await pingOnce(base, event, { ...details, budgetMs: patience, ca, style: target.style });
      if (problem === undefined || !problem.again || tries === TRIES) return problem?.message;
      if (details.signal?.aborted === true || end - monotonic() < WAIT_MS * 2) return problem.message;
      await sleep(WAIT_MS * tries, details.signal);
    }
  } catch (error) {
    return error instanceof MailrecoverError ? error.message : `internal error: ${String(error).split('\n', 1)[0] ?? ''}`;
  }
}

interface Once extends PingDetails {
  ca: { ca?: string };
  style: PingTarget['style'];
}

async function pingOnce(base: URL, event: PingEvent, details: Once): Promise<{ message: string; again: boolean } | undefined> {
  const { budgetMs, signal, ca, body = '', rid, style } = details;
  const timeout = AbortSignal.timeout(Math.ceil(budgetMs));
  try {
    const fetch = createFetch({ ...ca, idleMs: Math.ceil(budgetMs), plain: true });
    const [url, login] = placeOf(base, event, style === 'plain' ? undefined : rid);
    const stop = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    const request = style === 'plain' ? { method: 'GET' } : { method: 'POST', body: lastPart(body, MAX_BODY) };
    const reply = await fetch(url, { ...request, headers: { 'content-type': 'text/plain; charset=utf-8', ...login }, signal: stop });
    const text = (await reply.text()).trim();
    return answer(reply.status, text, base.host);
  } catch (error) {
    const refusal = networkRefusal(error, base.host);
    if (refusal !== undefined || timeout.aborted || signal?.aborted === true)
      return { message: refusal?.message ?? `${base.host} did not answer in time`, again: true };
    throw error;
  }
}

function answer(status: number, text: string, host: string): { message: string; again: boolean } | undefined {
  if (status >= 200 && status < 300) {
    // Its answer to a check that it does not know, in older versions.
    const unknown = /^OK \((.{1,60})\)$/.exec(text)?.[1];
    return unknown === undefined ? undefined : { message: `${host} did not count it: ${unknown}`, again: false };
  }
  const meaning = MEANING[status] ?? (status < 400 ? 'it leads elsewhere; name the address that it leads to' : cutLine(text, 80));
  const said = `${host} refused it (HTTP ${status})`;
  return { message: /[<>]/.test(meaning) || meaning === '' ? said : `${said}: ${meaning}`, again: status >= 500 || status === 408 };
}

const MEANING: Record<number, string> = {
  401: 'it wants a login',
  403: 'it does not let us in',
  404: 'there is no such check',
  409: 'several checks have that name',
  410: 'the check was deleted',
  429: 'it is told too often',
};

/** Where an event goes: behind the path, before what was asked with it. */
function placeOf(base: URL, event: PingEvent, rid: string | undefined): [URL, Record<string, string>] {
  const url = new URL(base);
  const suffix = { start: '/start', success: '', log: '/log', fail: event.kind === 'fail' ? `/${event.exitCode}` : '' }[event.kind];
  if (suffix !== '') url.pathname = url.pathname.replace(/\/+$/, '') + suffix;
  if (rid !== undefined) url.searchParams.set('rid', rid);
  if (url.username === '') return [url, {}];
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = url.password = '';
  return [url, { authorization: `Basic ${Buffer.from(login).toString('base64')}` }];
}

async function addressOf({ url }: PingTarget): Promise<URL> {
  const text = (/^https?:\/\//.test(url) ? url : await readSecret(url, 'the address of a ping')).trim();
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return new URL(text);
  throw new MailrecoverError('config', 'the address of a ping is no http(s) address');
}

/** The last lines, as many as fit. */
function lastPart(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  const tail = Buffer.from(text)
    .subarray(-most)
    .toString()
    .replace(/^[^\n]*\n/, '');
  return `[cut: only the end]\n${tail}`;
}

async function pem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}
