/** A headless Chromium that is spoken to over a pipe (DevTools protocol), to see pages as browsers do. */
import { spawn, spawnSync } from 'node:child_process';
import { findProgram, missing } from './host.ts';
import { keepTrack, undo } from './leave.ts';
import { makeScratch } from './tmp.ts';

const PATIENCE = 120_000;
/** The pages are our own, and a sandbox in a container is not to be had everywhere. */
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage', '--disable-extensions'];

let known: string | false | undefined;

/** Why there is none here, or none that starts, as `skip` of a test takes it; false where there is one. Tried once. */
export function noChromium(): string | false {
  known ??= missing('chromium') || tryIt();
  return known;
}

function tryIt(): string | false {
  const profile = makeScratch('chromium');
  try {
    const args = [...FLAGS, `--user-data-dir=${profile.path}`, '--dump-dom', 'data:text/html,<p>text'];
    const { status, stdout } = spawnSync(findProgram('chromium') ?? 'chromium', args, {
      encoding: 'utf8',
      timeout: PATIENCE,
      env: environment(profile.path),
    });
    return status === 0 && stdout.includes('<p>text</p>') ? false : 'needs a Chromium that starts';
  } finally {
    void undo(profile);
  }
}

function environment(home: string): NodeJS.ProcessEnv {
  return { ...process.env, HOME: home, DBUS_SESSION_BUS_ADDRESS: 'disabled:' };
}

export interface PageView {
  width: number;
  height?: number;
  dark?: boolean;
  print?: boolean;
}

export interface OpenPage {
  /** What an expression gives, awaited; it must be plain data. */
  evaluate<T>(expression: string): Promise<T>;
  press(key: 'Enter' | 'Tab'): Promise<void>;
  /** The whole page as PNG, or a strip of it. */
  screenshot(strip?: { top: number; height: number }): Promise<Buffer>;
  /** Addresses that it wanted to load, the page itself left out. */
  requests: readonly string[];
  /** What it wrote to the console, and breaches of its security policy. */
  complaints: readonly string[];
  close(): Promise<void>;
}

export interface Browser {
  open(url: string, view: PageView): Promise<OpenPage>;
  stop(): Promise<void>;
}

interface Answer {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** To be stopped by the caller, or by the end of the process. */
export async function startChromium(): Promise<Browser> {
  const profile = makeScratch('chromium');
  const args = [...FLAGS, '--hide-scrollbars', `--user-data-dir=${profile.path}`, '--remote-debugging-pipe', 'about:blank'];
  const child = spawn(findProgram('chromium') ?? 'chromium', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: environment(profile.path),
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = (): void => {
    // With the processes that it started.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  const leftover = keepTrack({ path: `${profile.path}/process`, undo: async () => (end(), gone), undoNow: end });
  const [, , , input, output] = child.stdio as unknown as [null, null, null, NodeJS.WritableStream, NodeJS.ReadableStream];
  input.on('error', () => {});

  const waiting = new Map<number, (answer: Answer) => void>();
  const listeners = new Set<(answer: Answer) => void>();
  let rest = Buffer.alloc(0);
  output.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const answer = JSON.parse(rest.subarray(0, end).toString()) as Answer;
      rest = rest.subarray(end + 1);
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
      else for (const listener of listeners) listener(answer);
    }
  });
  let last = 0;
  const send = async (method: string, params: Record<string, unknown> = {}, sessionId?: string): Promise<Record<string, unknown>> => {
    const id = ++last;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Chromium does not answer ${method}`)), PATIENCE);
      const settle = (given: Answer): void => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(given);
      };
      waiting.set(id, settle);
      void gone.then(() => settle({ error: { message: 'Chromium ended' } }));
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    });
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  };

  return {
    open: async (url, view) => openPage(url, view, send, listeners),
    async stop() {
      await undo(leftover);
      await undo(profile);
    },
  };
}

type Send = (method: string, params?: Record<string, unknown>, sessionId?: string) => Promise<Record<string, unknown>>;

async function openPage(url: string, view: PageView, send: Send, listeners: Set<(answer: Answer) => void>): Promise<OpenPage> {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const ask: Send = async (method, params) => send(method, params, String(sessionId));
  const requests: string[] = [];
  const complaints: string[] = [];
  let loaded = (): void => {};
  const ready = new Promise<void>((resolve) => (loaded = resolve));
  const listen = ({ sessionId: of, method, params = {} }: Answer): void => {
    if (of !== sessionId) return;
    if (method === 'Page.loadEventFired') loaded();
    if (method === 'Network.requestWillBeSent') {
      const asked = (params['request'] as { url: string }).url;
      if (asked !== url) requests.push(asked);
    }
    if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params));
    if (method === 'Log.entryAdded' && ['warning', 'error'].includes((params['entry'] as { level: string }).level))
      complaints.push(JSON.stringify(params['entry']));
  };
  listeners.add(listen);
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await ask(`${domain}.enable`);
  const { width, height = 900, dark = false, print = false } = view;
  await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await ask('Emulation.setEmulatedMedia', { media: print ? 'print' : '', features });
  await ask('Page.navigate', { url });
  await ready;
  return {
    requests,
    complaints,
    async evaluate<T>(expression: string): Promise<T> {
      const { result, exceptionDetails } = await ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value: T }).value;
    },
    async press(key) {
      const codes = { Enter: 13, Tab: 9 };
      const details = { key, code: key, windowsVirtualKeyCode: codes[key] };
      await ask('Input.dispatchKeyEvent', { type: 'keyDown', ...details, ...(key === 'Enter' ? { text: '\r' } : {}) });
      await ask('Input.dispatchKeyEvent', { type: 'keyUp', ...details });
    },
    async screenshot(strip) {
      const clip = strip === undefined ? {} : { clip: { x: 0, y: strip.top, width, height: strip.height, scale: 1 } };
      const { data } = await ask('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, ...clip });
      return Buffer.from(String(data), 'base64');
    },
    async close() {
      listeners.delete(listen);
      await send('Target.closeTarget', { targetId });
    },
  };
}
