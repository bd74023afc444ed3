/** Runs `mailrecover watch` and waits for what it tells. */
import { startMailrecover, type Ran } from './binary.ts';

export interface WatchEvent {
  event: string;
  [key: string]: unknown;
}

export interface Watching {
  /** All that it told so far. */
  events(): WatchEvent[];
  /** Waits until it has told `count` of a kind; throws when it ends before. */
  told(event: string, count?: number): Promise<WatchEvent>;
  stop(signal?: NodeJS.Signals): Promise<Ran>;
  /** Resolves when it has ended by itself. */
  done: Promise<Ran>;
  pid: number;
}

/**
 * @param args global options
 * @param options `more`: options of `watch`; `through`: a program that starts it
 */
export function startWatching(args: string[], { more = [], ...options }: { more?: string[]; through?: string } = {}): Watching {
  const { child, done } = startMailrecover([...args, 'watch', '--events', ...more], { timeout: 600_000, ...options });
  let text = '';
  let ended: Ran | undefined;
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  void done.then((ran) => (ended = ran));
  const events = (): WatchEvent[] =>
    text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as WatchEvent] : []));
  return {
    events,
    pid: child.pid ?? 0,
    done,
    async told(event, count = 1) {
      for (let wait = 0; wait < 1200; wait++) {
        const found = events().filter((each) => each.event === event);
        const last = found[count - 1];
        if (last !== undefined) return last;
        if (ended !== undefined)
          throw new Error(`it ended (${ended.code ?? ended.signal}) before it told '${event}': ${text}${ended.stdout}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`it never told '${event}' ${count} times: ${text}`);
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return done;
    },
  };
}
