/** Settings and queue of Postfix on one of the hosts. */
import type { Remote } from './remote.ts';

/** The value that stands in main.cf, or undefined where Postfix's default holds (postconf(1), `-n`). */
export async function explicitSetting(host: Remote, name: string): Promise<string | undefined> {
  const { stdout } = await host.run(['postconf', '-n', name]);
  const line = stdout.trimEnd();
  return line === '' ? undefined : line.slice(line.indexOf('=') + 1).trim();
}

/** The value that holds. */
export async function setting(host: Remote, name: string): Promise<string> {
  return (await host.run(['postconf', '-h', name])).stdout.trim();
}

/**
 * Gives a setting a value, or Postfix's default again. Nothing is reloaded.
 *
 * Each of Postfix's programs waits two seconds before it reads a main.cf that was changed in the last two, since somebody may still write it (`dict_load_file_xt`), and so
 * does whatever starts them, such as systemd as it reads its units. Ours is whole from the first moment (postconf(1) renames it), so it gets an older time.
 */
export async function change(host: Remote, name: string, value: string | undefined): Promise<void> {
  if ((await explicitSetting(host, name)) === value) return;
  const file = `${await setting(host, 'config_directory')}/main.cf`;
  await host.run(value === undefined ? ['postconf', '-X', name] : ['postconf', '-e', `${name}=${value}`]);
  await host.run(['touch', '-m', '--date=-3seconds', '--', file], { ok: 'any' });
}

/** Makes a running Postfix read its settings; one that does not run reads them when it starts. */
export async function reload(host: Remote): Promise<void> {
  if ((await host.run(['postfix', 'status'], { ok: 'any' })).exitCode === 0) await host.run(['postfix', 'reload']);
}

/** All messages in the queue, also of a Postfix that does not run. */
export async function queued(host: Remote): Promise<number> {
  const queue = await setting(host, 'queue_directory');
  const names = ['incoming', 'active', 'deferred', 'hold', 'maildrop'];
  const { stdout } = await host.run(['find', ...names.map((name) => `${queue}/${name}`), '-type', 'f', '-printf', '.'], { ok: 'any' });
  return stdout.length;
}

/** Messages that are being taken in or delivered. */
export async function underWay(host: Remote): Promise<number> {
  const queue = await setting(host, 'queue_directory');
  const { stdout } = await host.run(['find', `${queue}/incoming`, `${queue}/active`, `${queue}/maildrop`, '-type', 'f', '-printf', '.'], {
    ok: 'any',
  });
  return stdout.length;
}
