/** Memory of large buffers that come and go by the second, and of much mail. */

/** Smaller buffers may share their memory with others (`Buffer.poolSize`). */
const OWN = 1024 * 1024;

/** Gives back the memory of a buffer that has it for itself. Left to the collector, what a cipher makes of each 64 KiB has it run all the time. */
export function free(made: Uint8Array): void {
  if (made.buffer instanceof ArrayBuffer && made.buffer.byteLength === made.length) made.buffer.transfer(0);
}

/**
 * Gives the memory of a large buffer back at once, rather than when it is collected: until then 64 MB of dead buffers
 * gather in each thread, and every frame is written to memory that the processor has not seen for long.
 * The buffer, and whatever else looks at its memory, is empty afterwards.
 */
export function release(buffer: Uint8Array): void {
  if (buffer.buffer instanceof ArrayBuffer && buffer.buffer.byteLength >= OWN && !buffer.buffer.detached) buffer.buffer.transfer(0);
}

/** Items from which on a run is large. */
const LARGE_RUN = 150_000;
let isTight = false;

/**
 * Has the collector run before the heap has grown by more than four tenths, where there is much to do: a sixth less memory for a million
 * messages. In short runs it would only cost time.
 * @param items that the run has handled, or will handle
 */
export function tightenFor(items: number): void {
  if (isTight || items < LARGE_RUN) return;
  isTight = true;
  // Loaded here: it takes 4 ms, which every command would wait for.
  process.getBuiltinModule('node:v8').setFlagsFromString('--heap-growing-percent=40');
}
