import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildCorpus, type Corpus, type CorpusOptions } from './corpus.ts';
import { measure } from './measure.ts';
import type { Options } from './options.ts';
import type { Place, Tool } from './tools/tool.ts';

/** Folders that changed in the last seconds may be read again to be sure; nobody measured here shall have to. */
const SETTLE_MS = 4000;

/**
 * The scratch directory: the corpus, and for each tool its state after the last backup that all of them made
 * (*saved*) and the one it works on (*home*, always the same path, since tools remember it).
 */
export class Bench {
  readonly options: Options;
  readonly scratch: string;
  readonly place: Place;
  #corpus: Corpus | undefined;
  /** Counts the changes to the corpus; a saved state is of one of these versions. */
  #version = 0;
  #saved = new Map<string, number>();

  constructor(options: Options, scratch: string, recipient: string) {
    this.options = options;
    this.scratch = scratch;
    this.place = { mail: join(scratch, 'mail'), recipient, identity: join(scratch, 'identity'), program: options.program };
  }

  /** The corpus, written when it is first asked for. */
  async corpus(): Promise<Corpus> {
    this.#corpus ??= await this.build(this.place.mail, { messages: this.options.messages });
    return this.#corpus;
  }

  async build(root: string, options: CorpusOptions): Promise<Corpus> {
    const start = performance.now();
    const corpus = await buildCorpus(root, options);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    this.say(
      `wrote ${corpus.messages} messages, ${(corpus.bytes / 1e6).toFixed(0)} MB, ${corpus.mailboxes.length} mailboxes in ${seconds} s`,
    );
    await this.settle();
    return corpus;
  }

  /** Changes the corpus; the saved states stay those of before. */
  async change<T>(carryOut: (corpus: Corpus) => T): Promise<T> {
    const done = carryOut(await this.corpus());
    this.#version++;
    await this.settle();
    return done;
  }

  home(tool: Tool): string {
    return join(this.scratch, 'homes', tool.name.replaceAll(/[^a-z]+/g, '-'));
  }

  /** Gives `tool` a new, empty repository. */
  async fresh(tool: Tool): Promise<void> {
    const home = this.home(tool);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    await tool.init(home);
  }

  /** Keeps the present state of `tool` as the one to come back to. */
  save(tool: Tool): void {
    rmSync(`${this.home(tool)}.saved`, { recursive: true, force: true });
    renameSync(this.home(tool), `${this.home(tool)}.saved`);
    this.#saved.set(tool.name, this.#version);
  }

  /** Puts `tool` back into its saved state. */
  rewind(tool: Tool): void {
    const home = this.home(tool);
    rmSync(home, { recursive: true, force: true });
    const { status } = spawnSync('cp', [tool.neverWritesInPlace ? '-al' : '-a', `${home}.saved`, home], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`no copy of ${home}.saved`);
  }

  /** Makes sure that each tool's saved state holds a backup of the corpus as it is now. */
  async backedUp(tools: Tool[]): Promise<void> {
    await this.corpus();
    for (const tool of tools) {
      const known = this.#saved.get(tool.name);
      if (known === this.#version) continue;
      this.say(`backing up with ${tool.name}, to begin from`);
      if (known === undefined) await this.fresh(tool);
      else this.rewind(tool);
      await this.backUp(tool);
    }
  }

  /** Makes a backup that is not measured, and keeps the state after it. */
  async backUp(tool: Tool): Promise<void> {
    await measure(tool.backup(this.home(tool)), false);
    this.save(tool);
  }

  /** Waits until nothing counts as just changed. */
  async settle(): Promise<void> {
    await sleep(SETTLE_MS);
  }

  /** Forgets everything about these tools, to give the space back. */
  drop(tools: Tool[]): void {
    for (const tool of tools) {
      this.#saved.delete(tool.name);
      for (const end of ['', '.saved']) rmSync(this.home(tool) + end, { recursive: true, force: true });
    }
  }

  /** An empty directory to restore into. */
  target(name: string): string {
    const path = join(this.scratch, 'out', name.replaceAll(/[^a-z]+/g, '-'));
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Empties the page cache where cold figures were asked for. */
  cool(): void {
    if (!this.options.cold) return;
    spawnSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
