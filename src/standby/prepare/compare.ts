/** Shows what is copied before it is copied, and puts main.cf together. */
import type { Finding } from '../../errors/finding.ts';
import { displayBytes } from '../../store/bytes.ts';
import { holdsKey } from '../../store/system/secrets.ts';
import { diffLines } from '../../system/diff.ts';
import { mergeMainCf, valueIn } from './main-cf.ts';
import { usesSnapshot, withSnapshot } from './logins/use.ts';
import type { FileChange, HostAgent } from './model.ts';
import type { PlannedFile, PreparePlan } from './plan.ts';

export interface ShownChange {
  path: string;
  what: 'new' | 'content' | 'owner' | 'link';
  /** Owner, mode or target: `root:postfix 640, was root:root 600`. */
  detail?: string;
  /** Lines with `+` and `-`; absent for secrets and what is no text. */
  diff?: string[];
}

export interface Side {
  name: string;
  address: string;
  agent: HostAgent;
}

export interface CompareOptions {
  plan: PreparePlan;
  primary: Side;
  standby: Side;
  /** Settings of main.cf that each host has of its own. */
  keep: readonly string[];
  /** main.cf of Postfix, and the main file of Dovecot. */
  mainCf: string | undefined;
  dovecotConf: string | undefined;
}

export interface Comparison {
  changes: FileChange[];
  shown: ShownChange[];
  findings: Finding[];
}

/** So many bytes are asked for at once. */
const BATCH = 16 * 1024 * 1024;
/** Lines of one file that are compared, and of its difference that are shown. */
const COMPARED = 4000;
const SHOWN = 200;
const PASSWORDS = /^([ +-]?[^=\n]*(?:password|passwd|dnpass|secret|nonce|api_?key|token)[^=\n]*=)[ \t]*(?![</])\S.*$/gim;
/** Files in which an address of the primary would keep the standby from starting, or from being itself. */
const ROLES_WITH_ADDRESSES = new Set(['postfix', 'dovecot', 'filter', 'extra']);

/** Reads what differs from both hosts. Nothing is changed. */
export async function compareFiles(options: CompareOptions): Promise<Comparison> {
  const { plan, primary, standby } = options;
  const result: Comparison = { changes: [], shown: [], findings: [] };
  for (const batch of batches(plan.files)) {
    const plain = batch.filter(({ file }) => file.to === undefined);
    const paths = plain.map(({ file }) => file.path);
    const [from, to] = await Promise.all([
      primary.agent.read(paths),
      standby.agent.read(plain.filter(({ there }) => isHash(there)).map(({ file }) => file.path)),
    ]);
    let at = 0;
    const here = new Map(
      plain.map((each, index) => [each, { from: from[index] ?? null, to: isHash(each.there) ? (to[at++] ?? null) : null }]),
    );
    for (const planned of batch) {
      const { file, there } = planned;
      if (file.to !== undefined) {
        const { path, mode, user, group, mtime } = file;
        result.changes.push({ path, to: file.to, mode, user, group, mtime, expect: there });
        result.shown.push({ path: displayBytes(path), what: there === null ? 'new' : 'link', detail: `→ ${displayBytes(file.to)}` });
        continue;
      }
      const contents = here.get(planned);
      if (contents === undefined || contents.from === null) {
        result.findings.push({
          severity: 'warning',
          code: 'changed-meanwhile',
          message: `'${displayBytes(file.path)}' went away while it was read`,
          subject: displayBytes(file.path),
        });
        continue;
      }
      one(
        planned,
        Buffer.from(contents.from, 'base64'),
        contents.to === null ? undefined : Buffer.from(contents.to, 'base64'),
        options,
        result,
      );
    }
  }
  return result;
}

function isHash(there: string | null): there is string {
  return there !== null && !there.startsWith('link:');
}

function batches(files: readonly PlannedFile[]): PlannedFile[][] {
  const all: PlannedFile[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const planned of files) {
    if (size + planned.file.size > BATCH || (all.at(-1)?.length ?? 0) > 500) {
      all.push([]);
      size = 0;
    }
    size += planned.file.size;
    all.at(-1)?.push(planned);
  }
  return all;
}

function one(planned: PlannedFile, primary: Buffer, standby: Buffer | undefined, options: CompareOptions, result: Comparison): void {
  const { file, there, reason } = planned;
  const path = displayBytes(file.path);
  const own = standby?.toString('utf8') ?? '';
  let content = primary;
  if (path === options.mainCf) {
    const merged = mergeMainCf(primary.toString('utf8'), own, options.keep);
    content = Buffer.from(merged, 'utf8');
    result.findings.push(...settingsThatName(path, merged, own, options));
  } else if (path === options.dovecotConf && usesSnapshot(own)) {
    // Whoever logs in by the snapshot on the standby goes on to.
    content = Buffer.from(withSnapshot(primary.toString('utf8'), options.dovecotConf), 'utf8');
  } else if (namesHost(path, file.role, primary, options)) {
    const hint = `compare it by hand, and leave it out: 'standby.prepare: { exclude: [${path}] }'`;
    const subject = path;
    if (standby !== undefined) {
      result.findings.push({
        severity: 'warning',
        code: 'names-primary',
        message: `'${path}' names '${options.primary.name}' or its address, and stays as it is on '${options.standby.name}'`,
        hint,
        subject,
      });
      return;
    }
    result.findings.push({
      severity: 'warning',
      code: 'names-primary',
      message: `'${path}' names '${options.primary.name}' or its address, and is copied, since '${options.standby.name}' has none`,
      hint,
      subject,
    });
  }
  const same = standby !== undefined && standby.equals(content);
  if (same && reason === 'content') return;
  const { mode, user, group, mtime } = file;
  result.changes.push({ path: file.path, content: content.toString('base64'), mode, user, group, mtime, expect: there });
  const owner = `${user}:${group} ${mode.toString(8)}`;
  if (same) result.shown.push({ path, what: 'owner', detail: owner });
  else {
    const diff = file.secret ? undefined : difference(standby ?? Buffer.alloc(0), content);
    result.shown.push({
      path,
      what: there === null ? 'new' : 'content',
      ...(diff === undefined
        ? { detail: file.secret ? 'holds secrets, not shown' : 'no text, or too long to be shown' }
        : there === null
          ? { detail: `${content.toString('latin1').split('\n').length - 1} lines, ${owner}` }
          : { diff }),
    });
  }
}

/** undefined for what is no text, too long, or holds a key. */
function difference(before: Buffer, after: Buffer): string[] | undefined {
  const texts = [before, after].map((each) => each.toString('utf8'));
  if (texts.some((text) => text.includes('\0') || text.includes('\uFFFD') || holdsKey(text) || text.split('\n').length > COMPARED))
    return undefined;
  const lines = diffLines(texts[0] ?? '', texts[1] ?? '')
    .join('\n')
    .replace(PASSWORDS, '$1 ***')
    .split('\n');
  return lines.length <= SHOWN ? lines : [...lines.slice(0, SHOWN), `… ${lines.length - SHOWN} more lines`];
}

function mentions(text: string, { name, address }: Pick<Side, 'name' | 'address'>): boolean {
  return [name, address].some(
    (each) => each !== '' && new RegExp(`(?<![\\w.:-])${each.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-]|\\.\\w)`, 'i').test(text),
  );
}

function namesHost(path: string, role: string, content: Buffer, { primary }: CompareOptions): boolean {
  if (!ROLES_WITH_ADDRESSES.has(role) || /\.(?:pem|crt|key|cert)$/.test(path)) return false;
  const text = content.toString('latin1').replace(/^\s*[#;].*$/gm, '');
  return !text.includes('\0') && mentions(text, primary);
}

/** Settings that carry the primary's name or address to the standby. */
function settingsThatName(path: string, merged: string, own: string, { primary, standby }: CompareOptions): Finding[] {
  const names = [...merged.matchAll(/^([A-Za-z0-9_.-]+)\s*=/gm)].map(([, name = '']) => name);
  return [...new Set(names)].flatMap((name): Finding[] => {
    const value = valueIn(merged, name) ?? '';
    if (!mentions(value, primary) || mentions(value, standby) || valueIn(own, name) === value) return [];
    return [
      {
        severity: 'warning',
        code: 'names-primary',
        message: `${name} in '${path}' names '${primary.name}' or its address: ${value.slice(0, 120)}`,
        hint: `where each host has a value of its own: 'standby.prepare: { keep: [${name}] }'`,
        subject: name,
      },
    ];
  });
}
