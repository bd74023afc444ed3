/**
 * Postfix's queue, from a host whose Postfix is stopped to the other. What was accepted there and not delivered yet goes on from here, once: on the old host the queue's directories are
 * renamed first, so that its Postfix never sees these messages again; they are compared by their SHA-256 before anything relies on them; and they are put in after the new host serves.
 */
import { MailrecoverError } from '../errors/error.ts';
import { setting } from './postfix.ts';
import { pipe, type Remote } from './remote.ts';

/** Messages, and the logs about them from which bounces are made (qmgr(8), bounce(8)). */
const MESSAGES = ['incoming', 'active', 'deferred', 'hold', 'maildrop'];
const LOGS = ['bounce', 'defer', 'trace'];
const SHIP_SECONDS = 3600;

export interface QueuePlace {
  /** `queue_directory`. */
  queue: string;
  /** Where what is moved lies meanwhile: in the queue's file system, where no program of Postfix looks. */
  aside: string;
}

export async function queuePlace(host: Remote, run: string): Promise<QueuePlace> {
  const queue = await setting(host, 'queue_directory');
  return { queue, aside: `${queue}/mailrecover-${run}` };
}

async function directoriesIn(host: Remote, path: string): Promise<string[] | undefined> {
  const { exitCode, stdout } = await host.run(['find', path, '-mindepth', '1', '-maxdepth', '1', '-type', 'd', '-printf', '%f\n'], {
    ok: [0, 1],
  });
  return exitCode === 0 ? stdout.split('\n').filter((name) => name !== '') : undefined;
}

/** Puts the queue of a stopped Postfix aside. Safe to be repeated. @throws MailrecoverError `refused` where it runs */
export async function setQueueAside(host: Remote, { queue, aside }: QueuePlace): Promise<void> {
  if ((await host.run(['postfix', 'status'], { ok: 'any' })).exitCode === 0)
    throw new MailrecoverError('refused', `Postfix still runs on '${host.name}': its queue can not be moved`, { subject: host.name });
  const there = await directoriesIn(host, queue);
  const moved = (await directoriesIn(host, aside)) ?? [];
  const due = [...MESSAGES, ...LOGS].filter((name) => there?.includes(name) === true && !moved.includes(name));
  if (due.length > 0) {
    await host.run(['mkdir', '-p', '-m', '0700', '--', aside]);
    await host.run(['mv', '-t', aside, '--', ...due.map((name) => `${queue}/${name}`)]);
  }
  // Empty ones in their place: programs of the host that hand in mail wait for ever where there is no maildrop.
  await host.run(['postfix', 'check'], { ok: 'any' });
}

/** SHA-256 and name of every file below a directory; undefined where it is not there. */
async function sums(host: Remote, directory: string): Promise<string[] | undefined> {
  const there = await host.run(['test', '-d', directory], { ok: [0, 1] });
  if (there.exitCode !== 0) return undefined;
  const { stdout } = await host.run(['find', directory, '-type', 'f', '-exec', 'sha256sum', '--', '{}', '+'], {
    seconds: SHIP_SECONDS,
    maxBytes: 256 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(`${directory}/`, ''))
    .sort();
}

/** How many messages lie aside on a host. */
export async function messagesAside(host: Remote, { aside }: QueuePlace): Promise<number> {
  const { stdout } = await host.run(['find', ...MESSAGES.map((name) => `${aside}/${name}`), '-type', 'f', '-printf', '.'], { ok: [0, 1] });
  return stdout.length;
}

/** Whether all that lies aside on the old host lies on the new one, byte for byte. */
export async function isShipped(from: Remote, at: QueuePlace, to: Remote, there: QueuePlace): Promise<boolean> {
  const [left, right] = await Promise.all([sums(from, at.aside), sums(to, there.aside)]);
  return left !== undefined && right !== undefined && left.join('\n') === right.join('\n');
}

/** Copies what lies aside to the other host. */
export async function ship(from: Remote, at: QueuePlace, to: Remote, there: QueuePlace): Promise<void> {
  // What a copy that was cut off left.
  await to.run(['rm', '-rf', '--', there.aside]);
  await to.run(['mkdir', '-p', '-m', '0700', '--', there.aside]);
  await pipe(
    { on: from, argv: ['tar', '-C', at.aside, '-cf', '-', '.'] },
    // Owners by name: numbers differ from host to host.
    { on: to, argv: ['tar', '-C', there.aside, '-xpf', '-'] },
    SHIP_SECONDS,
  );
}

/** Takes it back on both hosts. Safe to be repeated. Postfix must be stopped on the old host. */
export async function putQueueBack(from: Remote, at: QueuePlace, to: Remote, there: QueuePlace): Promise<void> {
  await to.run(['rm', '-rf', '--', there.aside]);
  const moved = await directoriesIn(from, at.aside);
  if (moved === undefined) return;
  for (const name of moved) {
    // Empty unless something was handed in meanwhile.
    await from.run(['rmdir', '--', `${at.queue}/${name}`], { ok: 'any' });
    const free = (await from.run(['test', '-e', `${at.queue}/${name}`], { ok: [0, 1] })).exitCode === 1;
    if (free) await from.run(['mv', '-T', '--', `${at.aside}/${name}`, `${at.queue}/${name}`]);
    else await from.run(['find', `${at.aside}/${name}`, '-type', 'f', '-exec', 'mv', '-n', '-t', `${at.queue}/${name}`, '--', '{}', '+']);
  }
  await from.run(['postsuper', '-s']);
  await removeEmpty(from, at);
}

/** Whether everything that was shipped was put into the queue of the new host. */
export async function isReleased(host: Remote, { aside }: QueuePlace): Promise<boolean> {
  return (await host.run(['test', '-e', aside], { ok: [0, 1] })).exitCode === 1;
}

/**
 * Puts what was shipped into the queue of a running Postfix, and has it delivered. What was on hold stays on hold. Safe to be repeated: a file is where it was, or
 * where it belongs.
 */
export async function release(host: Remote, { queue, aside }: QueuePlace): Promise<void> {
  const present = (await directoriesIn(host, aside)) ?? [];
  // Logs first: a message whose log is missing would forget who was told already. Where each belongs by its hash, and what it is called, is mended by
  // postsuper; before that no program of Postfix finds it.
  for (const name of [...LOGS, ...MESSAGES].filter((each) => present.includes(each))) {
    const to = ['incoming', 'active'].includes(name) ? 'deferred' : name;
    await host.run(['find', `${aside}/${name}`, '-type', 'f', '-exec', 'mv', '-n', '-t', `${queue}/${to}`, '--', '{}', '+'], {
      seconds: SHIP_SECONDS,
    });
  }
  await host.run(['postsuper', '-s'], { seconds: SHIP_SECONDS });
  await host.run(['postqueue', '-f']);
  await removeEmpty(host, { queue, aside });
  if (!(await isReleased(host, { queue, aside })))
    throw new MailrecoverError('failed', `some of the queue could not be taken over on '${host.name}': names were taken`, {
      hint: `what is left lies in ${aside}`,
      subject: host.name,
    });
}

async function removeEmpty(host: Remote, { aside }: QueuePlace): Promise<void> {
  await host.run(['find', aside, '-depth', '-type', 'd', '-empty', '-delete'], { ok: [0, 1] });
}
