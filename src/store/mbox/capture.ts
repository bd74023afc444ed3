/**
 * Reading one live mailbox of mboxes, under their locks. Each is read by itself first, so that nobody waits longer than one file takes; then all are locked at once, without waiting for one
 * while another is held, and what changed meanwhile is read again: so no message that was moved is in two folders or in none.
 */
import type { Finding } from '../../errors/finding.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { displayBytes } from '../bytes.ts';
import { cutIndexes, type IndexCut } from '../dbox/index-cut.ts';
import { isIndexName } from '../dbox/names.ts';
import { FileSet } from '../file-set.ts';
import { AreaReader } from '../maildir/area.ts';
import type { CaptureArea, CapturedMailbox, CaptureOptions } from '../maildir/capture.ts';
import { provesStill } from '../stat.ts';
import { lockMethods, MboxLocks, type LockMethods, type LockOutcome } from './locks.ts';
import { folderOfMbox, isLeftOut, isMbox } from './names.ts';
import { viewOfMboxes, type MboxFolder } from './view.ts';

/** File times are as coarse as the kernel's tick. */
const TICK = 100_000;
const PAUSE = 50;
/** Times that all are locked again because another folder came. */
const MAX_ROUNDS = 5;

class Mailbox {
  readonly sets = new Map<CaptureArea['area'], FileSet>();
  readonly findings: Finding[] = [];
  readonly #locks: MboxLocks;
  readonly #options: CaptureOptions;
  readonly #timeoutMs: number;
  /** Files that stay as they were known: somebody held them too long. */
  readonly #given = new Set<string>();
  #unlocked = false;

  constructor(options: CaptureOptions, methods: LockMethods) {
    this.#options = options;
    this.#locks = new MboxLocks(methods);
    this.#timeoutMs = methods.timeoutMs;
  }

  /** The mboxes that are listed. */
  folders(): MboxFolder[] {
    const folders: MboxFolder[] = [];
    for (const [area, set] of this.sets) {
      if (area === 'index') continue;
      for (const path of set.paths()) if (isMbox(path)) folders.push({ set, path, folder: area === 'inbox' ? '' : folderOfMbox(path) });
    }
    // An INBOX that has a place of its own goes before a file of that name.
    return folders.filter((each) => each.folder !== '' || each.set === this.sets.get('inbox') || !this.sets.has('inbox'));
  }

  list(): void {
    for (const set of this.sets.values()) set.list();
  }

  /** Reads each mbox that changed, under its own lock. */
  async readEach(): Promise<void> {
    for (const folder of this.folders()) {
      this.#options.signal?.throwIfAborted();
      if (folder.set.carry(folder.path)) continue;
      try {
        if (await this.#lockAll([folder])) await this.#read(folder);
      } finally {
        await this.#locks.release();
      }
    }
  }

  async #read({ set, path }: MboxFolder): Promise<void> {
    const stat = set.statOf(path);
    // What changes within a tick of the clock would have the same time.
    if (stat !== undefined && !provesStill(stat, this.#options.now(), TICK)) await sleep(TICK / 1000 + 10);
    await set.read([path]);
  }

  /**
   * Locks several mboxes at once.
   * @returns false where one is held by another for too long: it stays as it was known
   */
  async #lockAll(folders: readonly MboxFolder[]): Promise<boolean> {
    const until = monotonic() + this.#timeoutMs;
    for (;;) {
      let held: MboxFolder | undefined;
      for (const folder of folders) {
        if (this.#given.has(folder.set.full(folder.path))) continue;
        const outcome: LockOutcome = await this.#locks.tryLock(folder.set.full(folder.path));
        if (outcome === 'impossible') this.#tellUnlocked(folder);
        if (outcome !== 'held') continue;
        held = folder;
        break;
      }
      if (held === undefined) return true;
      await this.#locks.release();
      if (monotonic() > until) {
        this.#giveUp(held);
        return false;
      }
      this.#options.signal?.throwIfAborted();
      await sleep(PAUSE * (0.5 + Math.random()));
    }
  }

  #giveUp({ set, path }: MboxFolder): void {
    const subject = displayBytes(set.full(path));
    this.#given.add(set.full(path));
    set.missed(path, 'EAGAIN');
    this.findings.push({
      severity: 'error',
      code: 'mbox-locked',
      message: `'${subject}' was locked by another program for ${Math.round(this.#timeoutMs / 1000)} s; it stays as the snapshot before has it`,
      hint: `see who holds it: 'fuser ${subject}', and whether '${subject}.lock' is left over`,
      subject,
    });
  }

  #tellUnlocked({ set, path }: MboxFolder): void {
    if (this.#unlocked) return;
    this.#unlocked = true;
    const subject = displayBytes(set.full(path));
    this.findings.push({
      severity: 'warning',
      code: 'mbox-not-locked',
      message: `'${subject}' could not be locked, so it may have been read while it was written`,
      hint: "locks need perl, or the right to write into the mbox's directory; see 'locks' in the configuration",
      subject,
    });
  }

  /** Locks all at once, and reads what changed since each was read. */
  async readTogether(): Promise<IndexCut> {
    try {
      for (let round = 1; ; round++) {
        this.list();
        const folders = this.folders();
        const known = new Set(folders.map(({ set, path }) => set.full(path)));
        while (!(await this.#lockAll(folders)));
        this.list();
        const now = this.folders();
        if (round < MAX_ROUNDS && now.some(({ set, path }) => !known.has(set.full(path)))) {
          await this.#locks.release();
          continue;
        }
        for (const folder of now)
          if (!this.#given.has(folder.set.full(folder.path)) && !folder.set.carry(folder.path)) await this.#read(folder);
        return await cutIndexes([...this.sets.values()], this.#options.signal);
      }
    } finally {
      await this.#locks.release();
    }
  }

  /** Other files: subscriptions, and what is not known. */
  async readOthers(cut: IndexCut): Promise<void> {
    for (const set of this.sets.values()) {
      const mboxes = new Set(
        this.folders()
          .filter((folder) => folder.set === set)
          .map(({ path }) => path),
      );
      const others = [...set.paths()].filter((path) => !mboxes.has(path) && !isIndexName(path.slice(path.lastIndexOf('/') + 1)));
      await set.read(others.filter((path) => !set.carry(path)));
      await set.give(Array.from(cut.files.get(set) ?? [], ([path, file]) => ({ path, ...file })));
    }
  }

  close(): Promise<void> {
    return this.#locks.close();
  }
}

/** Captures a mailbox of mboxes; see {@link CaptureOptions}. */
export async function captureMbox(options: CaptureOptions, methods: LockMethods = lockMethods()): Promise<CapturedMailbox> {
  const { deep, settle, now, lost, read } = options;
  const mailbox = new Mailbox(options, methods);
  const plain = new Map<CaptureArea['area'], AreaReader>();
  for (const { area, root, prior, only, file } of options.areas) {
    if (area === 'view') continue;
    const shared = { root, prior, deep, settle, now, lost, read };
    if (area === 'control' || area === 'home')
      plain.set(area, new AreaReader({ ...shared, maildir: false, ...(only === undefined ? {} : { only }) }));
    else
      mailbox.sets.set(
        area,
        new FileSet({
          ...shared,
          isLeftOut,
          kindOf: (path) => (isMbox(path) ? 'mbox' : 'file'),
          ...(file === undefined ? {} : { only: file }),
        }),
      );
  }
  let cut: IndexCut;
  try {
    mailbox.list();
    await mailbox.readEach();
    cut = await mailbox.readTogether();
    await mailbox.readOthers(cut);
  } finally {
    await mailbox.close();
  }
  for (const reader of plain.values()) {
    reader.list();
    await reader.captureFiles(() => 0);
  }
  const sets = [...mailbox.sets.values()];
  const view = viewOfMboxes(mailbox.folders(), sets, cut);
  const areas: CapturedMailbox['areas'] = new Map();
  for (const [area, set] of mailbox.sets) areas.set(area, set.result());
  for (const [area, reader] of plain) areas.set(area, reader.result());
  areas.set('view', view.area);
  const findings = [...sets, ...plain.values()].flatMap((each) => each.findings);
  return { areas, findings: [...findings, ...mailbox.findings], vanished: sets.every((set) => !set.present), folders: view.folders };
}
