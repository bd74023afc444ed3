/**
 * A Postfix of its own for a moment, with the configuration of this host: it sends as this host would, and takes mail on port 25 from those
 * who rehearse. Its queue is its own, so that nothing of a rehearsal gets among real mail.
 */
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import { parsePostconf } from '../../store/discover/postfix.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import { userId } from '../../system/owners.ts';
import type { RehearsalState, RehearsalStep } from '../prepare/model.ts';
import { behindGate, gateTable, HOLD, LOG_SERVICE, SMTP_SERVICE } from './texts.ts';

/** Where it lies: its processes are no root's, and must reach it. */
const PARENT = '/var/tmp';
const NAME = 'mailrecover-rehearsal-';
const PATIENCE = 60_000;

interface QueueEntry {
  queue_name: string;
  sender: string;
  recipients: { address: string }[];
}

export class RehearsalPostfix {
  readonly #state: string;
  readonly #config: string;
  #root: string | undefined;
  #to = '';

  /** @param config directory of the configuration that is rehearsed */
  constructor(state: string, config: string) {
    [this.#state, this.#config] = [state, config];
  }

  get #note(): string {
    return join(this.#state, 'standby', 'rehearsal.json');
  }

  /** Starts it. One that a killed rehearsal left is ended before. */
  async start(step: Extract<RehearsalStep, { do: 'start' }>): Promise<void> {
    try {
      await this.#start(step);
    } catch (error) {
      const root = this.#root;
      this.#root = undefined;
      if (root !== undefined) {
        await halt(root).catch(() => undefined);
        rmSync(root, { recursive: true, force: true });
        rmSync(this.#note, { force: true });
      }
      throw error;
    }
  }

  async #start({ allow, smtp }: Extract<RehearsalStep, { do: 'start' }>): Promise<void> {
    await this.#endLeftOver();
    const root = mkdtempSync(join(PARENT, NAME));
    this.#root = root;
    await makeDirectory(join(this.#state, 'standby'));
    await writeDurable(this.#note, `${JSON.stringify({ root })}\n`);
    chmodSync(root, 0o755);
    const [etc, queue, data] = ['etc', 'queue', 'data'].map((name) => join(root, name)) as [string, string, string];
    for (const path of [etc, queue, data]) {
      mkdirSync(path);
      chmodSync(path, 0o755);
    }
    const settings = parsePostconf((await run('postconf', ['-c', this.#config, '-x'], { timeoutMs: PATIENCE })).stdout);
    const owner = userId(settings.get('mail_owner') ?? 'postfix');
    if (owner === undefined) throw new MailrecoverError('failed', 'the user of Postfix (mail_owner) is not known on this host');
    chownSync(data, owner, 0);
    for (const name of ['main.cf', 'master.cf']) cpSync(join(this.#config, name), join(etc, name));
    writeFileSync(join(etc, 'gate'), gateTable(allow));
    await this.#settings(etc, queue, data, root, settings);
    await this.#services(etc, smtp);
    await run('postfix', ['-c', etc, 'start'], { timeoutMs: PATIENCE, hint: "see what stands in the way: 'ss -ltnp'" });
  }

  async #settings(etc: string, queue: string, data: string, root: string, settings: Map<string, string>): Promise<void> {
    // Sockets of milters are relative to the queue that they were made for.
    const milters = (name: string): string =>
      (settings.get(name) ?? '').replace(/\b(unix|local):(?!\/)/g, `$1:${settings.get('queue_directory') ?? '/var/spool/postfix'}/`);
    const before = settings.get('smtpd_client_restrictions') ?? '';
    const values: Record<string, string> = {
      queue_directory: queue,
      data_directory: data,
      maillog_file: join(root, 'maillog'),
      multi_instance_enable: 'no',
      multi_instance_directories: '',
      multi_instance_name: '',
      syslog_name: 'postfix',
      smtpd_client_restrictions: behindGate(join(etc, 'gate'), before),
      smtpd_end_of_data_restrictions: HOLD,
      smtpd_milters: milters('smtpd_milters'),
      // What people hand in is signed there; what is handed in here must be, too.
      non_smtpd_milters: milters('non_smtpd_milters') || milters('smtpd_milters'),
      // A filter would hand mail back to a Postfix that does not run.
      content_filter: '',
      soft_bounce: 'no',
      minimal_backoff_time: '5s',
      maximal_backoff_time: '15s',
      queue_run_delay: '5s',
      smtp_connect_timeout: '15s',
    };
    await run('postconf', ['-c', etc, '-e', ...Object.entries(values).map(([name, value]) => `${name}=${value}`)], { timeoutMs: PATIENCE });
  }

  /** Nothing listens but on port 25; nothing is in a chroot, which is not there. */
  async #services(etc: string, smtp: boolean): Promise<void> {
    const { stdout } = await run('postconf', ['-c', etc, '-M'], { timeoutMs: PATIENCE });
    const inet = stdout.split('\n').flatMap((line) => {
      const [name = '', type = ''] = line.trim().split(/\s+/);
      return type === 'inet' ? [`${name}/inet`] : [];
    });
    for (const service of inet) await run('postconf', ['-c', etc, '-M', '-X', service], { timeoutMs: PATIENCE });
    await run('postconf', ['-c', etc, '-F', '*/*/chroot=n'], { timeoutMs: PATIENCE });
    if (smtp) await run('postconf', ['-c', etc, '-M', SMTP_SERVICE], { timeoutMs: PATIENCE });
    if (!/^postlog\s/m.test(stdout)) await run('postconf', ['-c', etc, '-M', LOG_SERVICE], { timeoutMs: PATIENCE });
  }

  /** Hands a message in, as a program on this host does. */
  async send({ from, to, message }: Extract<RehearsalStep, { do: 'send' }>): Promise<void> {
    this.#to = to;
    // -N never: nobody is told of a delivery that fails, but who rehearses.
    await run('sendmail', ['-C', join(this.#started(), 'etc'), '-N', 'never', '-f', from, '--', to], {
      input: message,
      timeoutMs: PATIENCE,
    });
  }

  async look(): Promise<RehearsalState> {
    const root = this.#started();
    const log = join(root, 'maillog');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
    const to = this.#to.toLowerCase();
    const last = lines.findLast((line) => line.toLowerCase().includes(` to=<${to}>,`) && / status=/.test(line)) ?? '';
    const [, relay = '', dsn = '', status = '', said = ''] = / relay=([^,]+),.* dsn=([^,]+), status=(\w+) \((.*)\)\s*$/.exec(last) ?? [];
    const entries = await this.#queue();
    return {
      ...(status === '' ? {} : { status: status as NonNullable<RehearsalState['status']>, relay, dsn, said: said.slice(0, 500) }),
      taken: entries
        .filter(({ queue_name: name }) => name === 'hold')
        .map(({ sender, recipients }) => ({ sender, recipients: recipients.map(({ address }) => address) })),
    };
  }

  async #queue(): Promise<QueueEntry[]> {
    const { stdout } = await run('postqueue', ['-c', join(this.#started(), 'etc'), '-j'], { timeoutMs: PATIENCE });
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as QueueEntry]));
  }

  #started(): string {
    if (this.#root === undefined) throw new MailrecoverError('usage', 'no rehearsal was begun');
    return this.#root;
  }

  /**
   * Ends it and takes it away with all that it holds, but for mail that nobody of us sent: that stays.
   * @param ours pairs of sender and recipient
   * @returns where mail of others lies
   */
  async stop(ours: readonly { sender: string; recipient: string }[]): Promise<string | undefined> {
    const root = this.#root;
    if (root === undefined) return undefined;
    const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
    let foreign: boolean;
    try {
      const entries = await this.#queue();
      foreign = entries.some(
        ({ sender, recipients }) =>
          !same(sender, 'MAILER-DAEMON') &&
          recipients.some(({ address }) => !ours.some((each) => same(each.sender, sender) && same(each.recipient, address))),
      );
    } finally {
      await halt(root);
    }
    this.#root = undefined;
    if (foreign) return join(root, 'queue');
    rmSync(root, { recursive: true, force: true });
    rmSync(this.#note, { force: true });
    return undefined;
  }

  /** What a rehearsal left that was killed: its Postfix is ended; its queue stays, since nobody knows what is in it. */
  async #endLeftOver(): Promise<void> {
    if (!existsSync(this.#note)) return;
    let root = '';
    try {
      const noted = (JSON.parse(readFileSync(this.#note, 'utf8')) as { root?: unknown }).root;
      if (typeof noted === 'string') root = noted;
    } catch {
      // Written only in part: nothing was started by then.
    }
    if (root.startsWith(join(PARENT, NAME)) && existsSync(join(root, 'etc', 'main.cf'))) {
      await halt(root);
      // Mail is taken from those who rehearse alone, so what is left is theirs.
      rmSync(root, { recursive: true, force: true });
    }
    rmSync(this.#note, { force: true });
  }
}

async function halt(root: string): Promise<void> {
  const isUp = async (): Promise<boolean> =>
    (await run('postfix', ['-c', join(root, 'etc'), 'status'], { timeoutMs: PATIENCE, okExitCodes: [0, 1] })).exitCode === 0;
  if (!(await isUp())) return;
  await run('postfix', ['-c', join(root, 'etc'), 'abort'], { timeoutMs: PATIENCE, okExitCodes: [0, 1] });
  // Its master ends by itself, soon.
  for (const from = monotonic(); monotonic() - from < PATIENCE && (await isUp());) await sleep(100);
}
