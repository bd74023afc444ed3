/** The mail stores that a new configuration names: those asked for, else what the mail servers say. */
import { storePart } from '../../config/parts/store.ts';
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { discoverStores } from '../../store/discover/discover.ts';
import type { Servers } from './server.ts';
import type { DiscoveredStore } from '../../store/discover/types.ts';

export type Store = Config['stores'][number];

export interface ChosenStores {
  stores: Store[];
  /** What was found and asked, one sentence each. */
  says: string[];
  findings: Finding[];
  /** Which mail servers are installed here. */
  servers: Servers;
}

const MAX_NAME = 40;

/** Variables in the spelling that the configuration knows. */
function plainPattern(text: string): string {
  return text
    .replace(/%\{\s*user\s*\|\s*username\s*(?:\|\s*lower\s*)?\}|%\{\s*username\s*(?:\|\s*lower\s*)?\}|%Ln/g, '%n')
    .replace(/%\{\s*user\s*\|\s*domain\s*(?:\|\s*lower\s*)?\}|%\{\s*domain\s*(?:\|\s*lower\s*)?\}|%Ld/g, '%d')
    .replace(/%\{\s*user\s*(?:\|\s*lower\s*)?\}|%Lu/g, '%u');
}

function uniqueName(wanted: string, taken: readonly Store[]): string {
  const base =
    wanted
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, MAX_NAME) || 'mail';
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}${number}`;
    if (!taken.some((store) => store.name === name)) return name;
  }
}

/** A store as the configuration has it, or why it can't stand there. */
function toStore(
  found: Pick<DiscoveredStore, 'name' | 'path'> & Partial<DiscoveredStore>,
  taken: readonly Store[],
): { store: Store } | { problem: string } {
  const { layout, format } = found;
  const result = storePart.safeParse({
    name: uniqueName(found.name, taken),
    path: plainPattern(found.path),
    ...(format === undefined ? {} : { format }),
    ...(found.inbox === undefined ? {} : { inbox: plainPattern(found.inbox) }),
    ...(found.locks === undefined ? {} : { locks: found.locks }),
    ...(found.alt === undefined ? {} : { alt: plainPattern(found.alt) }),
    ...(layout === undefined ? {} : { layout: layout.layout, separator: layout.separator, prefix: layout.prefix, utf8: layout.utf8 }),
    ...(found.control === undefined ? {} : { control: plainPattern(found.control) }),
    ...(found.index === undefined ? {} : { index: plainPattern(found.index) }),
    ...(found.home === undefined ? {} : { home: plainPattern(found.home) }),
    ...(found.owner === undefined || /^\d+$/.test(found.owner) ? {} : { owner: found.owner }),
  });
  if (result.success) return { store: result.data };
  const [issue] = result.error.issues;
  return { problem: `'${issue?.path.join('.') ?? ''}' ${issue?.message ?? 'is not valid'}` };
}

/**
 * Chooses the stores.
 * @param patterns those that were named; none: what Dovecot and Postfix say, else `ask`
 * @param ask asks for a pattern; undefined where nobody can answer
 * @throws MailrecoverError `usage` where there is none, or one that was named is no pattern
 */
export async function chooseStores(
  patterns: readonly string[],
  ask: (() => Promise<string>) | undefined,
  signal: AbortSignal,
): Promise<ChosenStores> {
  const discovered = await discoverStores({ signal });
  const says = patterns.length === 0 ? [...discovered.says] : [];
  const findings: Finding[] = [];
  const stores: Store[] = [];
  const named = (path: string): void => {
    // What a mail server says about the very same place (layout, control files, owner) holds for it, too.
    const same = discovered.stores.find((store) => plainPattern(store.path) === plainPattern(path));
    if (same !== undefined) says.push(same.says);
    const made = toStore(same === undefined ? { name: 'mail', path } : { ...same, path }, stores);
    if ('problem' in made)
      throw new MailrecoverError('usage', `'${path}' can not be backed up: ${made.problem}`, {
        hint: "name it as in --mail '/var/vmail/%d/%n/Maildir'",
        subject: path,
      });
    stores.push(made.store);
  };
  for (const path of patterns) named(path);
  if (patterns.length === 0) {
    findings.push(...discovered.dovecot.findings, ...discovered.postfix.findings);
    for (const found of discovered.stores) {
      const made = toStore(found, stores);
      if ('store' in made) stores.push(made.store);
      else
        findings.push({
          severity: 'warning',
          code: 'store-left-out',
          message: `the store '${found.name}' in '${found.path}' was left out: ${made.problem}`,
          subject: found.path,
        });
    }
    if (stores.length === 0 && ask !== undefined) named(await ask());
  }
  const servers = { postfix: discovered.postfix.present, dovecot: discovered.dovecot.present };
  if (stores.length > 0) return { stores, says, findings, servers };
  const looked = [...discovered.says, ...findings.map(({ message }) => message)].join('; ');
  throw new MailrecoverError('usage', `it could not be found out where mail lies here: ${looked}`, {
    hint: "name the place by --mail PATTERN, such as --mail '/var/vmail/%d/%n/Maildir'",
  });
}
