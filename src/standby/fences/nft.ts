import type { Remote } from '../remote.ts';
import type { Fence } from './fence.ts';

/** SMTP, POP3, IMAP, submission, ManageSieve. */
const PORTS = [25, 110, 143, 465, 587, 993, 995, 4190];
const TABLE = 'mailrecover_fence';

/**
 * The host itself refuses connections to its mail ports. A table of our own, before all others: a rule that is appended to an existing chain may stand behind one that
 * accepts. Rejected, not dropped, so that senders need not wait. It is gone after a boot: use it beside another fence.
 */
export function nftFence(name: string, host: Remote): Fence {
  const rules = `table inet ${TABLE} {
  chain input {
    type filter hook input priority -300; policy accept;
    tcp dport { ${PORTS.join(', ')} } reject with tcp reset
  }
}
`;
  const exists = async (): Promise<string | undefined> => {
    const { exitCode, stdout } = await host.run(['nft', 'list', 'table', 'inet', TABLE], { ok: [0, 1] });
    return exitCode === 0 && stdout.includes('reject with tcp reset') ? stdout : undefined;
  };
  return {
    name,
    grade: 'B',
    keepsHost: true,
    plan: [`on ${host.name}: refuse connections to ports ${PORTS.join(', ')} (nft, table ${TABLE}; until it boots)`],
    evidence: async () => ((await exists()) === undefined ? undefined : [`${host.name} says: ports ${PORTS.join(', ')} are refused`]),
    fence: async () => {
      if ((await exists()) === undefined) await host.run(['nft', '-f', '-'], { input: rules });
    },
    release: async () => {
      if ((await exists()) !== undefined) await host.run(['nft', 'delete', 'table', 'inet', TABLE]);
    },
  };
}
