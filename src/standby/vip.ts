/** A virtual IP address that moves between the two hosts. */
import { MailrecoverError } from '../errors/error.ts';
import type { Remote } from './remote.ts';

export interface VirtualAddress {
  /** With the length of its prefix: `192.0.2.10/24`. */
  address: string;
  device: string;
}

/** The addresses of the device on that host, with the lengths of their prefixes. */
export async function addressesOn(host: Remote, { device }: VirtualAddress): Promise<string[]> {
  const { stdout } = await host.run(['ip', '-o', 'address', 'show', 'dev', device]);
  return [...stdout.matchAll(/\binet6? (\S+)/g)].map(([, address = '']) => address);
}

export async function hasAddress(host: Remote, vip: VirtualAddress): Promise<boolean> {
  return (await addressesOn(host, vip)).includes(vip.address);
}

/**
 * Takes the address, and tells the network (gratuitous ARP, RFC 5227 section 3).
 * @throws MailrecoverError `refused` where another host still answers for it
 */
export async function takeAddress(host: Remote, vip: VirtualAddress): Promise<void> {
  const { address, device } = vip;
  const bare = address.slice(0, address.indexOf('/'));
  const isV4 = !bare.includes(':');
  if (!(await hasAddress(host, vip))) {
    if (isV4 && (await host.run(['arping', '-q', '-D', '-c', '1', '-w', '2', '-I', device, bare], { ok: [0, 1] })).exitCode !== 0)
      throw new MailrecoverError('refused', `another host still answers for ${bare}`, {
        hint: `see which: arping -D -I ${device} ${bare}, on '${host.name}'; take the address from it, and run this again`,
        subject: bare,
      });
    await host.run(['ip', 'address', 'add', address, 'dev', device, ...(isV4 ? [] : ['nodad'])]);
  }
  if (isV4) await host.run(['arping', '-q', '-U', '-c', '2', '-w', '2', '-I', device, bare], { ok: [0, 1] });
}
