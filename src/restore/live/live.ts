/** Carrying out a restore into a running server. It can be killed anywhere, and is taken up from its journal. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes } from '../../store/bytes.ts';
import { monotonic } from '../../system/clock.ts';
import { Handles, makeAside, namesIn, removeAside, asidePath } from './aside.ts';
import { Doveadm, type DovecotAccess } from './doveadm.ts';
import type { Run } from './journal.ts';
import { isFolder, LiveReader, listFolder } from './look.ts';
import { changes, type FolderPlan, type LivePlan, type MailboxPlan } from './model.ts';
import { lackingKeywords, putAdds, putFlags, setAside } from './put.ts';
import { carryServed } from './served/carry.ts';
import type { ServedTask } from './served/plan.ts';
import type { Progress } from '../../system/progress.ts';
import { addsOf, batchesOf, stage, type Batch, type StageOptions } from './stage.ts';

export interface LiveOptions {
  run: Run;
  /** Where messages come from; undefined where all of them were staged before. */
  from: StageOptions | undefined;
  progress: Progress;
  signal?: AbortSignal;
  dovecot: DovecotAccess;
  /** Mailboxes that are no Maildir. */
  served?: readonly ServedTask[];
  /** {@link monotonic} when the command began. */
  begun: number;
}

export interface LiveReport {
  outcome: 'ok' | 'warning' | 'partial';
  counts: { added: number; bytes: number; setAside: number; reflagged: number };
  /** Milliseconds until the first message lay where the server shows it. */
  firstMailMs?: number;
  findings: Finding[];
}

/**
 * Whether Dovecot answers, where it will have to make folders: better known before anything is done.
 * @throws MailrecoverError `unreachable`
 */
export async function checkServer(plan: LivePlan, dovecot: DovecotAccess): Promise<void> {
  const doveadm = new Doveadm(dovecot);
  for (const { mailbox, folders } of plan.mailboxes) if (folders.some(({ create }) => create)) await doveadm.check(displayBytes(mailbox));
}

/**
 * Carries out what the plan of a run says and its log does not yet have.
 * @throws MailrecoverError `no-space`, `io`, `key`, `unreachable` where Dovecot does not make a folder; the run then counts as interrupted
 */
export async function carryOut(options: LiveOptions): Promise<LiveReport> {
  const { run } = options;
  const worker = new LiveRun(options);
  try {
    for (const [number, mailbox] of run.plan.mailboxes.entries()) worker.prepare(mailbox, number);
    for (const batch of batchesOf(run.plan)) await worker.batch(batch);
    await worker.servedMail();
    await worker.finish();
  } finally {
    worker.close();
  }
  worker.tidy();
  run.note({ did: 'done' });
  return worker.report();
}

class LiveRun {
  readonly #options: LiveOptions;
  readonly #handles = new Handles();
  readonly #reader = new LiveReader();
  readonly #doveadm: Doveadm;
  readonly #findings: Finding[] = [];
  readonly #counts = { added: 0, bytes: 0, setAside: 0, reflagged: 0 };
  #first: number | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#doveadm = new Doveadm(options.dovecot);
  }

  close(): void {
    this.#handles.close();
    this.#reader.close();
  }

  prepare(mailbox: MailboxPlan, number: number): void {
    if (!mailbox.folders.some(changes)) return;
    const aside = makeAside(this.#handles, mailbox, this.#options.run.plan.id, number);
    if (mailbox.folders.some(({ adds }) => adds.length > 0)) this.#handles.make(aside, 'add');
    if (!mailbox.folders.some(({ removals }) => removals.length > 0)) return;
    const old = this.#handles.make(aside, 'old');
    for (const [at, { removals }] of mailbox.folders.entries()) if (removals.length > 0) this.#handles.make(old, String(at));
  }

  async batch(batch: Batch): Promise<void> {
    const { run, progress } = this.#options;
    const { plan } = run;
    let lost = run.lostOf(batch.name);
    if (lost === undefined) {
      const { from } = this.#options;
      if (from === undefined) throw new MailrecoverError('bug', 'messages that were to lie ready do not');
      const staged = await stage(from, plan, batch, this.#handles);
      this.#findings.push(...staged.findings);
      run.note({ did: 'staged', batch: batch.name, lost: staged.lost });
      lost = new Set(staged.lost);
    }
    progress.phase('putting back', { items: plan.mailboxes.reduce((sum, { folders }) => sum + folders.length, 0) });
    for (const [number, mailbox] of plan.mailboxes.entries()) {
      for (const [at, folder] of mailbox.folders.entries()) {
        this.#options.signal?.throwIfAborted();
        const isFirst = ((folder.from ?? folder.name) === 'INBOX') === batch.inbox && batch.source === 0;
        const adds = addsOf(plan, batch, number, at).filter(({ base }) => lost?.has(base) !== true);
        const replaces = isFirst && (folder.minNextUid !== undefined || folder.flags.length + folder.removals.length > 0);
        if (!replaces && adds.length === 0 && !(isFirst && folder.create)) continue;
        if (run.wasPut(batch.name, number, at)) continue;
        await this.#put(number, at, { mailbox, folder, adds, replaces });
        run.note({ did: 'put', batch: batch.name, mailbox: number, folder: at });
        progress.advance(1, 0);
      }
    }
  }

  async #put(
    number: number,
    at: number,
    { mailbox, folder, adds, replaces }: { mailbox: MailboxPlan; folder: FolderPlan; adds: FolderPlan['adds']; replaces: boolean },
  ): Promise<void> {
    const { run } = this.#options;
    const user = displayBytes(mailbox.mailbox);
    if (folder.create && !isFolder(mailbox, folder.dir)) {
      // Before it is made: an undo must know of it, wherever this run ends.
      run.note({ did: 'creating', mailbox: number, folder: at });
      await this.#doveadm.create(user, folder.name);
      if (!isFolder(mailbox, folder.dir))
        throw new MailrecoverError('config', `dovecot keeps folder '${folder.name}' of '${user}' elsewhere than where it was expected`, {
          hint: "make 'layout', 'separator' and 'prefix' of the store what they are in Dovecot's namespace (doveconf -n), then undo this run: 'mailrecover undo'",
          subject: folder.name,
        });
    }
    if (replaces && folder.minNextUid !== undefined) await this.#doveadm.raise(user, folder.name, folder.minNextUid);
    const aside = asidePath(mailbox, run.plan.id, number);
    if (adds.length > 0)
      putAdds(mailbox, folder, adds, `${aside}/add`, this.#handles, this.#reader, (add) => {
        this.#first ??= Math.round(monotonic() - this.#options.begun);
        this.#counts.added++;
        this.#counts.bytes += add.size;
      });
    if (replaces) {
      const { done, changed } = putFlags(mailbox, folder, this.#handles);
      this.#counts.reflagged += done;
      if (changed > 0)
        this.#tell(
          'info',
          'changed-meanwhile',
          user,
          folder,
          `${changed} messages were changed by a client at the same time, and are left as it wants them`,
        );
      if (folder.removals.length > 0) this.#counts.setAside += setAside(mailbox, folder, `${aside}/old/${at}`, this.#handles);
    }
    await this.#serve(user, mailbox, folder, adds);
  }

  /** Has the server take up what lies there, and adds the keywords that only it can add. */
  async #serve(user: string, mailbox: MailboxPlan, folder: FolderPlan, adds: FolderPlan['adds']): Promise<void> {
    try {
      await this.#doveadm.open(user, folder.name);
      const wanted = [...adds, ...folder.flags.map(({ base, add }) => ({ base, flags: add }))];
      for (const { flags, uids } of lackingKeywords(mailbox, folder, wanted, this.#reader).values())
        await this.#doveadm.addFlags(user, folder.name, uids, flags);
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      this.#tell('warning', 'not-served', user, folder, `dovecot did not take up what was put there yet: ${error.message}`);
      return;
    }
    const uids = this.#reader.uidlist(mailbox, folder.dir)?.uids;
    const live = listFolder(mailbox, folder.dir);
    const unseen = adds.filter(({ base }) => live.has(base) && uids?.has(base) !== true).length;
    if (unseen > 0) this.#tell('warning', 'not-served', user, folder, `${unseen} messages that were put there have no UID yet`);
  }

  #tell(severity: Finding['severity'], code: string, user: string, folder: FolderPlan, message: string): void {
    this.#findings.push({
      severity,
      code,
      message: `folder '${folder.name}' of '${user}': ${message}`,
      ...(severity === 'info' ? {} : { hint: `see what Dovecot says: doveadm mailbox status -u '${user}' messages '${folder.name}'` }),
      subject: user,
    });
  }

  /** Dovecot adds what belongs into mailboxes that are no Maildir. */
  async servedMail(): Promise<void> {
    const { run, dovecot, served = [], signal, progress } = this.#options;
    if (served.length === 0) return;
    progress.phase('putting back', { items: served.reduce((sum, { plan }) => sum + plan.folders.filter(changes).length, 0) });
    const onAdded = (bytes: number): void => {
      this.#first ??= Math.round(monotonic() - this.#options.begun);
      this.#counts.added++;
      this.#counts.bytes += bytes;
    };
    const onReplaced = ({ reflagged, setAside: aside }: { reflagged: number; setAside: number }): void => {
      this.#counts.reflagged += reflagged;
      this.#counts.setAside += aside;
    };
    await carryServed({ run, tasks: served, dovecot, progress, signal, findings: this.#findings, onAdded, onReplaced });
  }

  /** What Dovecot counts and caches is brought up to date. */
  async finish(): Promise<void> {
    for (const mailbox of this.#options.run.plan.mailboxes) {
      const changed = mailbox.folders.filter(changes);
      if (changed.length === 0) continue;
      const user = displayBytes(mailbox.mailbox);
      const finding = await this.#doveadm.recalculateQuota(user);
      if (finding !== undefined) this.#findings.push(finding);
      for (const folder of changed)
        await this.#doveadm.index(user, folder.name).catch((error: unknown) => {
          if (!(error instanceof MailrecoverError)) throw error;
        });
    }
  }

  /** Removes what lies beside the mailboxes and is of no more use. */
  tidy(): void {
    const { plan } = this.#options.run;
    for (const [number, mailbox] of plan.mailboxes.entries()) {
      const aside = asidePath(mailbox, plan.id, number);
      removeAside(`${aside}/add`);
      if (namesIn(`${aside}/old`).length === 0) removeAside(aside);
    }
  }

  report(): LiveReport {
    const findings = this.#findings;
    const outcome = findings.some(({ severity }) => severity === 'error')
      ? 'partial'
      : findings.some(({ severity }) => severity === 'warning')
        ? 'warning'
        : 'ok';
    return { outcome, counts: this.#counts, ...(this.#first === undefined ? {} : { firstMailMs: this.#first }), findings };
  }
}
