/** Waits for a time, or for something to happen before it. */
export class Bell {
  #wake: (() => void) | undefined;
  #soft = false;

  /** Ends a wait that listens to everything. */
  ring(): void {
    if (this.#soft) this.#wake?.();
  }

  /** Ends any wait. */
  alarm(): void {
    this.#wake?.();
  }

  /** @param soft whether {@link ring} ends it, too */
  wait(milliseconds: number, soft: boolean): Promise<void> {
    this.#soft = soft;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
