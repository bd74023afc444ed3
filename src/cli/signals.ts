/** How long a command may take to stop after a signal, before the program ends without it. */
const GRACE_MS = 10_000;

export interface Signals {
  readonly signal: AbortSignal;
  /** The exit code that a signal which came asks for: 130, 143 or 129; undefined when none came. */
  exitCode(): number | undefined;
  name(): string | undefined;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Watches for SIGINT, SIGTERM and SIGHUP. The first aborts `signal`; a second one, or a command that
 * doesn't stop in time, calls `giveUp`.
 */
export function watchSignals(giveUp: (exitCode: number) => void): Signals {
  const controller = new AbortController();
  let came: keyof typeof EXIT_CODES | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (came !== undefined) {
        giveUp(EXIT_CODES[came]);
        return;
      }
      came = name;
      controller.abort();
      setTimeout(() => giveUp(EXIT_CODES[name]), GRACE_MS).unref();
    });
  }
  return {
    signal: controller.signal,
    exitCode: () => (came === undefined ? undefined : EXIT_CODES[came]),
    name: () => came,
  };
}
