/** Who has a mailbox in a Microsoft 365 tenant (Graph v1.0, "List users"). */
import { openGraph } from '../graph-client.ts';
import type { MicrosoftAccount } from '../oauth/account.ts';
import type { TokenOptions } from '../oauth/tokens.ts';
import { GRAPH_DIRECTORY_REFUSALS } from '../refusals/directory.ts';
import type { DirectoryUser } from './user.ts';

/** `EXCHANGE_S_FOUNDATION`, which comes with plans of other services and holds no mailbox ("Product names and service plan identifiers for licensing"). */
const FOUNDATION = '113feb6c-3fe4-4440-bddc-54d774bf0318';
/** Users with their plans are some kilobytes each, and no answer that is read here is longer than 4 MiB. */
const PAGE = 100;
const FIELDS = 'userPrincipalName,mail,proxyAddresses,assignedPlans';

interface Plan {
  service?: string;
  servicePlanId?: string;
  /** `Enabled`, `Warning` (days of grace), `Suspended`, `Deleted`, `LockedOut`. */
  capabilityStatus?: string;
}

interface User {
  userPrincipalName?: string;
  mail?: string | null;
  proxyAddresses?: string[] | null;
  assignedPlans?: Plan[] | null;
}

/** @throws Refused */
export async function microsoftUsers(account: MicrosoftAccount, tokens: TokenOptions, signal: AbortSignal): Promise<DirectoryUser[]> {
  const api = await openGraph(account, tokens, signal, { purpose: 'directory', known: GRAPH_DIRECTORY_REFUSALS });
  const users: DirectoryUser[] = [];
  let next: string | undefined = `/users?$select=${FIELDS}&$top=${PAGE}`;
  while (next !== undefined) {
    signal.throwIfAborted();
    const page = (await api.get(next)) as { value?: User[]; '@odata.nextLink'?: string } | undefined;
    for (const user of page?.value ?? []) users.push(userOf(user));
    next = page?.['@odata.nextLink'];
  }
  return users;
}

/** What a user does not have is null, or not there. */
function userOf({ userPrincipalName = '', mail, proxyAddresses, assignedPlans }: User): DirectoryUser {
  const proxies = (proxyAddresses ?? []).filter((address) => /^smtp:/i.test(address)).map((address) => address.slice('smtp:'.length));
  const addresses = [
    ...new Set([userPrincipalName, mail ?? '', ...proxies].filter((each) => each !== '').map((each) => each.toLowerCase())),
  ];
  const plans = (assignedPlans ?? []).filter(
    ({ service, servicePlanId }) => service?.toLowerCase() === 'exchange' && servicePlanId !== FOUNDATION,
  );
  const good = plans.some(({ capabilityStatus }) => capabilityStatus === 'Enabled' || capabilityStatus === 'Warning');
  const problem = good
    ? undefined
    : plans.some(({ capabilityStatus }) => capabilityStatus === 'Suspended' || capabilityStatus === 'LockedOut')
      ? 'has an Exchange plan that is suspended'
      : 'has no Exchange plan';
  return { login: userPrincipalName, addresses, ...(problem === undefined ? {} : { problem }) };
}
