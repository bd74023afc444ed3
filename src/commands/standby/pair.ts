/** The two hosts of the configuration, and which of them this is. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { SyncStore } from '../../standby/sync/place.ts';
import { diskStores, layoutOfStore, sourceOf } from '../from-config.ts';

type HostConfig = NonNullable<Config['standby']>['primary'];

/** @throws MailrecoverError `config` where no standby is configured */
export function pairOf(config: Config): NonNullable<Config['standby']> {
  if (config.standby !== undefined) return config.standby;
  throw new MailrecoverError('config', 'no standby host is configured', {
    hint: "name both hosts in 'standby:' of the configuration; docs/standby.md says how",
  });
}

/** The host of that name. */
export function hostNamed(config: Config, name: string): HostConfig {
  const { primary, standby, clouds } = pairOf(config);
  const host = [primary, standby].find((each) => each.name === name);
  if (host !== undefined) return host;
  if (clouds.some((each) => each.name === name))
    throw new MailrecoverError('refused', `'${name}' serves, which is a service and none of the two hosts`, {
      hint: `to go back to a host: mailrecover standby promote --planned --to ${primary.name}`,
      subject: name,
    });
  throw new MailrecoverError('config', `'${name}' serves, and is neither of the two hosts in the configuration`, {
    hint: `make the names in 'standby:' what they are on the other host: ${primary.name}, ${standby.name}`,
    subject: name,
  });
}

/** The other one of the two. */
export function otherHost(config: Config, name: string): HostConfig {
  const { primary, standby } = pairOf(config);
  return primary.name === name ? standby : primary;
}

/**
 * The one that this program runs on: it has no `ssh`.
 * @throws MailrecoverError `config` where both have
 */
export function thisHost(config: Config): HostConfig {
  const { primary, standby } = pairOf(config);
  const host = [primary, standby].find(({ ssh }) => ssh === undefined);
  if (host !== undefined) return host;
  throw new MailrecoverError('config', 'the configuration does not say which of the two hosts this is', {
    hint: "leave 'ssh' out of the host that the file lies on",
  });
}

/** The stores as a synchronisation knows them. */
export function syncStores(config: Config): SyncStore[] {
  return diskStores(config.stores).map((store) => {
    const { layout, utf8 } = layoutOfStore(config, store.name);
    return { ...sourceOf(store), layout, utf8 };
  });
}
