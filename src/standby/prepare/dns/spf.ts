/** Whether a domain lets an address send its mail (RFC 7208). */
import { BlockList, isIP } from 'node:net';
import { digitsOf, type Names } from './ask.ts';

export type SpfResult = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'permerror' | 'temperror';

export interface Spf {
  result: SpfResult;
  /** The record of the domain, where it has one. */
  record?: string;
  /** What decided, or what is wrong. */
  because?: string;
}

/** Section 4.6.4: mechanisms that ask the DNS. */
const MOST_LOOKUPS = 10;
const QUALIFIERS: Readonly<Record<string, SpfResult>> = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' };

interface State {
  names: Names;
  address: string;
  /** The sender, for macros. */
  sender: string;
  helo: string;
  lookups: number;
}

class Broken extends Error {
  readonly result: 'permerror' | 'temperror';
  constructor(result: 'permerror' | 'temperror', message: string) {
    super(message);
    this.result = result;
  }
}

/** check_host() of section 4 for mail from somebody of the domain. */
export async function checkSpf(names: Names, domain: string, address: string, helo = domain): Promise<Spf> {
  const state: State = { names, address, sender: `postmaster@${domain}`, helo, lookups: 0 };
  try {
    const record = await recordOf(state, domain);
    if (record === undefined) return { result: 'none' };
    try {
      return { ...(await evaluate(state, domain, record)), record };
    } catch (error) {
      if (error instanceof Broken) return { result: error.result, because: error.message, record };
      throw error;
    }
  } catch (error) {
    if (error instanceof Broken) return { result: error.result, because: error.message };
    throw error;
  }
}

async function recordOf({ names }: State, domain: string): Promise<string | undefined> {
  const texts = await names.txt(domain);
  if (texts === undefined) throw new Broken('temperror', `no answer for TXT of ${domain}`);
  const records = texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
  if (records.length > 1) throw new Broken('permerror', `${domain} has ${records.length} SPF records where one is allowed`);
  return records[0];
}

async function evaluate(state: State, domain: string, record: string): Promise<Spf> {
  const terms = record
    .split(/ +/)
    .slice(1)
    .filter((term) => term !== '');
  for (const term of terms) {
    const [, sign = '', name = '', value = '', prefix = ''] = /^([-+~?]?)([a-z0-9_-]+)(?::([^/]*))?(\/.*)?$/i.exec(term) ?? [];
    if (name === '') continue;
    if (await matches(state, domain, name.toLowerCase(), value, prefix, term))
      return { result: QUALIFIERS[sign || '+'] ?? 'pass', because: term };
  }
  const redirect = terms.map((term) => /^redirect=(.+)$/i.exec(term)?.[1]).find((each) => each !== undefined);
  if (redirect === undefined) return { result: 'neutral', because: 'nothing in it fits' };
  count(state, redirect);
  const target = expand(redirect, state, domain);
  const next = await recordOf(state, target);
  if (next === undefined) throw new Broken('permerror', `redirect leads to ${target}, which has no SPF record`);
  return evaluate(state, target, next);
}

function count(state: State, term: string): void {
  if (++state.lookups > MOST_LOOKUPS)
    throw new Broken('permerror', `it needs more than ${MOST_LOOKUPS} questions to the DNS (at '${term}')`);
}

async function matches(state: State, domain: string, name: string, value: string, prefix: string, term: string): Promise<boolean> {
  const target = value === '' ? domain : expand(value, state, domain);
  switch (name) {
    case 'all':
      return true;
    case 'ip4':
      return isIP(state.address) === 4 && within(state.address, [value], prefix, 32);
    case 'ip6': {
      const text = term.slice(term.indexOf(':') + 1);
      const [network = '', length = '128'] = text.split('/');
      return isIP(state.address) === 6 && within(state.address, [network], `/${length}`, 128);
    }
    case 'a':
      count(state, term);
      return within(state.address, await addressesOf(state, target), prefix);
    case 'mx': {
      count(state, term);
      const exchanges = await state.names.mx(target);
      if (exchanges === undefined) throw new Broken('temperror', `no answer for MX of ${target}`);
      if (exchanges.length > MOST_LOOKUPS) throw new Broken('permerror', `${target} has more than ${MOST_LOOKUPS} MX records`);
      for (const { exchange } of exchanges) if (within(state.address, await addressesOf(state, exchange), prefix)) return true;
      return false;
    }
    case 'include': {
      count(state, term);
      const record = await recordOf(state, target);
      if (record === undefined) throw new Broken('permerror', `it includes ${target}, which has no SPF record`);
      const { result } = await evaluate(state, target, record);
      return result === 'pass';
    }
    case 'exists':
      count(state, term);
      return ((await state.names.addresses(target, 4)) ?? []).length > 0;
    case 'ptr': {
      count(state, term);
      const found = ((await state.names.ptr(state.address)) ?? []).slice(0, MOST_LOOKUPS);
      for (const each of found)
        if ((each === target || each.endsWith(`.${target}`)) && ((await state.names.addresses(each)) ?? []).includes(state.address))
          return true;
      return false;
    }
    default:
      if (/^[a-z0-9_-]+=/i.test(term)) return false;
      throw new Broken('permerror', `'${term}' is no mechanism`);
  }
}

async function addressesOf({ names, address }: State, name: string): Promise<string[]> {
  const found = await names.addresses(name, isIP(address) === 6 ? 6 : 4);
  if (found === undefined) throw new Broken('temperror', `no answer for the addresses of ${name}`);
  return found;
}

/** @param prefix `/24`, or `/24//64` for both families */
function within(address: string, networks: readonly string[], prefix: string, whole = isIP(address) === 6 ? 128 : 32): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const [, v4, v6] = /^(?:\/(\d+))?(?:\/\/(\d+))?$/.exec(prefix) ?? [];
  const length = whole === 128 ? Number(v6 ?? (networks.length === 1 && v4 !== undefined ? v4 : 128)) : Number(v4 ?? 32);
  return networks.some((network) => {
    if (isIP(network) !== (family === 'ipv6' ? 6 : 4) || length > whole) return false;
    const list = new BlockList();
    list.addSubnet(network, length, family);
    return list.check(address, family);
  });
}

/** Macros of section 7, those that records use. */
function expand(text: string, { address, sender, helo }: State, domain: string): string {
  const values: Readonly<Record<string, string>> = {
    s: sender,
    l: sender.slice(0, sender.lastIndexOf('@')),
    o: sender.slice(sender.lastIndexOf('@') + 1),
    d: domain,
    i: isIP(address) === 6 ? digitsOf(address).split('').join('.') : address,
    v: isIP(address) === 6 ? 'ip6' : 'in-addr',
    h: helo,
  };
  return text
    .replace(/%\{([slodivh])(\d*)(r?)([-.+,/_=]*)\}/gi, (_, letter: string, digits: string, reverse: string, delimiters: string) => {
      const parts = (values[letter.toLowerCase()] ?? '').split(new RegExp(`[${(delimiters || '.').replace(/[-\]\\^]/g, '\\$&')}]`));
      if (reverse !== '') parts.reverse();
      return (digits === '' ? parts : parts.slice(-Number(digits))).join('.');
    })
    .replaceAll('%%', '%')
    .replaceAll('%_', ' ')
    .replaceAll('%-', '%20');
}
