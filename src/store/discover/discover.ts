import { discoverDovecot } from './dovecot.ts';
import { discoverPostfix, type PostfixDiscovery } from './postfix.ts';
import type { DiscoveredStore, Discovery } from './types.ts';

/** What the mail servers on this host say about where mail lies. */
export interface Discovered {
  /** Dovecot's answer where it has one, else Postfix's. */
  stores: DiscoveredStore[];
  dovecot: Discovery;
  postfix: PostfixDiscovery;
  /** Sentences for people, one for each thing that was found or looked for in vain. */
  says: string[];
}

/** Asks Dovecot and Postfix, where they are installed. Never throws but for an abort. */
export async function discoverStores(options: { signal?: AbortSignal } = {}): Promise<Discovered> {
  const [dovecot, postfix] = await Promise.all([discoverDovecot(options), discoverPostfix(options)]);
  const stores = dovecot.stores.length > 0 ? dovecot.stores : postfix.stores;
  const says = stores.map((store) => store.says);
  if (!dovecot.present) says.push('dovecot is not installed here');
  else if (dovecot.stores.length === 0) says.push('dovecot is installed, but does not say where mail lies');
  if (!postfix.present) says.push('postfix is not installed here');
  else if (postfix.settings.virtual_transport !== undefined)
    says.push(`postfix hands mail for virtual domains to ${postfix.settings.virtual_transport}`);
  return { stores, dovecot, postfix, says };
}
