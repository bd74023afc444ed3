import { MailrecoverError } from '../../errors/error.ts';
import type { Remote } from '../remote.ts';
import type { Fence } from './fence.ts';

export interface CommandFence {
  name: string;
  /** Where the programs run: this host. */
  here: Remote;
  /** The host that is fenced; stands in arguments for `{host}`. */
  host: string;
  off: readonly string[];
  status: readonly string[];
  /** What `status` must print. */
  expect: string;
  on: readonly string[] | undefined;
  seconds: number;
}

/** Power, hypervisor or cloud: a program that does not need the host's help. */
export function commandFence({ name, here, host, off, status, expect, on, seconds }: CommandFence): Fence {
  const filled = (argv: readonly string[]): string[] => argv.map((word) => word.replaceAll('{host}', host));
  return {
    name,
    grade: 'A',
    keepsHost: false,
    plan: [`switch ${host} off: ${filled(off).join(' ')}`, `ask whether it is off: ${filled(status).join(' ')} must say '${expect}'`],
    async evidence() {
      const { exitCode, stdout } = await here.run(filled(status), { ok: 'any', seconds });
      const line = stdout.split('\n').find((each) => each.includes(expect));
      return exitCode === 0 && line !== undefined ? [`${status[0] ?? ''} says: ${line.trim().slice(0, 200)}`] : undefined;
    },
    async fence() {
      await here.run(filled(off), { seconds });
    },
    async release() {
      if (on === undefined)
        throw new MailrecoverError('failed', `nothing switches '${host}' on again`, {
          hint: `switch it on by hand; 'on' of the fence '${name}' in the configuration would do it`,
          subject: host,
        });
      await here.run(filled(on), { seconds });
    },
  };
}
