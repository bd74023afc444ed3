/** Whether those who are told can be reached on the day when this mail server is what is broken. */
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import type { Config } from '../config/schema.ts';
import type { Finding } from '../errors/finding.ts';
import { sleep } from '../system/clock.ts';
import { diskStores, sourceOf } from './from-config.ts';

type Transport = NonNullable<Config['notify']>['transports'][number];

/** Warnings about `notify`: nobody named, all of them readers of this very server, no way out but its own. */
export async function recipientFindings(config: Config, signal: AbortSignal): Promise<Finding[]> {
  const { notify } = config;
  if (notify === undefined || notify.transports.length === 0) return [];
  const findings: Finding[] = [];
  const hooked = notify.transports.some(({ kind }) => kind === 'webhook');
  const own = await Promise.all(notify.transports.map((transport) => isOwn(transport)));
  if (own.every(Boolean))
    findings.push({
      severity: 'warning',
      code: 'transport-own',
      message: `every way of sending leads through this very host: ${notify.transports.map(({ name }) => name).join(', ')}`,
      hint: 'add one that does not: an account at Microsoft 365 or Google, a relay elsewhere, a webhook (docs/notifications.md)',
    });
  if (notify.to.length === 0 && !hooked)
    findings.push({
      severity: 'warning',
      code: 'no-recipient',
      message: 'nobody is named to be told',
      hint: "add 'notify.to' to the configuration",
    });
  const domains = [...new Set(notify.to.map((address) => address.slice(address.lastIndexOf('@') + 1).toLowerCase()))];
  if (domains.length === 0 || hooked) return findings;
  const here = await servedDomains(config, signal);
  if (domains.every((domain) => here.has(domain)))
    findings.push({
      severity: 'warning',
      code: 'recipients-here',
      message: `everybody in notify.to has a mailbox on this mail server (${domains.join(', ')}), and can't be told when it is broken`,
      hint: 'add an address elsewhere, or a webhook (docs/notifications.md)',
    });
  return findings;
}

/** Domains whose mail this server keeps: of the mailboxes in the stores, and those that Postfix calls its own. */
async function servedDomains(config: Config, signal: AbortSignal): Promise<Set<string>> {
  const [{ storeMailboxes }, { discoverPostfix }] = await Promise.all([
    import('../backup/mailboxes.ts'),
    import('../store/discover/postfix.ts'),
  ]);
  const domains = new Set<string>();
  for (const source of diskStores(config.stores).map(sourceOf)) {
    // A store that can't be read is told of elsewhere.
    const { mailboxes } = await storeMailboxes(source, '', signal).catch(() => ({ mailboxes: [] }));
    for (const { mailbox } of mailboxes) {
      const at = mailbox.lastIndexOf('@');
      if (at >= 0) domains.add(mailbox.slice(at + 1).toLowerCase());
    }
  }
  const { settings } = await discoverPostfix({ signal });
  const lists = [settings['mydestination'], settings['virtual_mailbox_domains'], settings['myhostname']];
  for (const domain of (await Promise.all(lists.map((list) => listed(list ?? '')))).flat()) domains.add(domain.toLowerCase());
  return domains;
}

/** The names in a list of Postfix: those that stand there, and those in files whose source is text (postconf(5), "virtual_mailbox_domains"). */
async function listed(list: string): Promise<string[]> {
  const words = list.replace(/inline:\{([^}]*(?:\{[^}]*\}[^}]*)*)\}/g, (_all, rows: string) =>
    rows.replace(/[{}]/g, ' ').replace(/=\S*/g, ' '),
  );
  const names: string[] = [];
  for (const word of words.split(/[\s,]+/)) {
    const path = /^(?:(?:hash|btree|lmdb|cdb|dbm|texthash):)?(\/.+)$/.exec(word)?.[1];
    if (path !== undefined)
      names.push(...(await readFile(path, 'utf8').catch(() => '')).split('\n').map((line) => line.trim().split(/\s+/)[0] ?? ''));
    else if (!word.includes(':')) names.push(word);
  }
  return names.filter((name) => /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name));
}

/** Whether a way leads through a server on this host. What can't be looked up now counts as elsewhere. */
async function isOwn({ kind, host }: Transport): Promise<boolean> {
  if ((kind !== 'smtp' && kind !== 'smtp-oauth2') || host === undefined) return false;
  const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
  const isHere = (address: string): boolean => address.startsWith('127.') || address === '::1' || addresses.includes(address);
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || name === hostname().toLowerCase() || isHere(name)) return true;
  const { lookup } = await import('node:dns/promises');
  const found = await Promise.race([lookup(name, { all: true }).catch(() => []), sleep(LOOKUP_MS).then(() => [])]);
  return found.length > 0 && found.every(({ address }) => isHere(address));
}

const LOOKUP_MS = 3000;
