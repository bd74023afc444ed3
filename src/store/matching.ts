import type { ByteString } from './bytes.ts';
import { type Component, expandPart, lowerAscii } from './pattern.ts';

/** What the levels above say of the user's name. `exact` is false where they only show it in lower case. */
export interface Bound {
  user?: Value;
  local?: Value;
  domain?: Value;
}

interface Value {
  bytes: ByteString;
  exact: boolean;
}

/**
 * Takes a name on disk apart into the values of its component's variables, in order; undefined when it does not fit.
 */
export type Matcher = (name: ByteString) => readonly ByteString[] | undefined;

export function matcher(component: Component): Matcher {
  const source = component.parts.map((part) => {
    if (part.kind === 'literal') return part.bytes.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    if (part.length !== undefined) return `([^]{1,${part.length}})`;
    // The local part ends at the first @.
    return part.name === 'local' ? '([^@]+)' : '([^]+)';
  });
  const regex = new RegExp(`^${source.join('')}$`);
  return (name) => regex.exec(name)?.slice(1);
}

/**
 * Adds the values of a component's variables to what is known; undefined when they contradict it, as where `%n` stands
 * twice with two values. Prefixes (`%1n`) are not looked at: they are compared when the whole name is known.
 */
export function bind(bound: Bound, component: Component, values: readonly ByteString[]): Bound | undefined {
  let next: Bound | undefined = bound;
  let index = 0;
  for (const part of component.parts) {
    if (part.kind === 'literal') continue;
    const bytes = values[index++];
    if (bytes === undefined || part.length !== undefined || part.offset > 0) continue;
    next = bindOne(next, part.name, { bytes, exact: !part.lower });
    if (next === undefined) return undefined;
  }
  return next;
}

function bindOne(bound: Bound, name: keyof Bound, value: Value): Bound | undefined {
  const known = bound[name];
  if (known !== undefined && !agree(known, value)) return undefined;
  const next: Bound = { ...bound, [name]: known?.exact ? known : value };
  if (name !== 'user') return next;
  const at = value.bytes.indexOf('@');
  const local = bindOne(next, 'local', { ...value, bytes: at < 0 ? value.bytes : value.bytes.slice(0, at) });
  // Without an @ the domain is known too: Dovecot puts an empty string there.
  return local && bindOne(local, 'domain', { ...value, bytes: at < 0 ? '' : value.bytes.slice(at + 1) });
}

function agree(a: Value, b: Value): boolean {
  return a.exact && b.exact ? a.bytes === b.bytes : lowerAscii(a.bytes) === lowerAscii(b.bytes);
}

/** The user's whole name where it is known. */
export function boundUser(bound: Bound): ByteString | undefined {
  if (bound.user !== undefined) return bound.user.bytes;
  if (bound.local === undefined) return undefined;
  return bound.domain === undefined ? bound.local.bytes : `${bound.local.bytes}@${bound.domain.bytes}`;
}

/** The name of a component whose variables are all known already, so that its directory needs no listing. */
export function resolve(component: Component, bound: Bound): ByteString | undefined {
  let name = '';
  for (const part of component.parts) {
    if (part.kind === 'literal') {
      name += part.bytes;
      continue;
    }
    const known = bound[part.name];
    if (known === undefined || !(known.exact || part.lower)) return undefined;
    // `known` is already the variable's own value: as a user without @ (or a domain put behind one) it expands to
    // itself.
    name += expandPart(part, part.name === 'domain' ? `@${known.bytes}` : known.bytes);
  }
  return name === '' ? undefined : name;
}
