/** Sending many pieces without waiting for the answer to each: so much may be under way. */

const UNDER_WAY = 8 * 1024 * 1024;

export class Window {
  #size = 0;
  #failed: { error: unknown } | undefined;
  readonly #waiting: (() => void)[] = [];

  /** Resolves as soon as more may be sent. @throws what an earlier piece failed with */
  async send(size: number, send: () => Promise<unknown>): Promise<void> {
    while (this.#failed === undefined && this.#size > 0 && this.#size + size > UNDER_WAY) await this.#change();
    this.#check();
    this.#size += size;
    send()
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        this.#size -= size;
        for (const go of this.#waiting.splice(0)) go();
      })
      .catch(() => undefined);
  }

  /** Resolves when nothing is under way. @throws what a piece failed with */
  async settle(): Promise<void> {
    while (this.#size > 0) await this.#change();
    this.#check();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
