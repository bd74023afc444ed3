/** main.cf for the standby: what the primary has, but for the settings that each host has of its own. */

/** Settings that say which host it is, and where it listens. */
export const OF_EACH_HOST = [
  'myhostname',
  'inet_interfaces',
  'proxy_interfaces',
  'smtp_bind_address',
  'smtp_bind_address6',
  'lmtp_bind_address',
  'lmtp_bind_address6',
  'smtp_helo_name',
  // What a switch sets for its time.
  'soft_bounce',
];

/** A logical line with what goes before it: comments and empty lines (postconf(5): a line that begins with white space goes on). */
interface Entry {
  /** Lower case makes no difference to nobody: names are as they are. Absent for what stands at the end. */
  name?: string;
  text: string;
}

function entriesOf(text: string): Entry[] {
  const entries: Entry[] = [];
  let before = '';
  let open: Entry | undefined;
  for (const line of text.split(/(?<=\n)/)) {
    const isComment = /^\s*(?:#|$)/.test(line);
    if (/^[ \t]/.test(line) && !isComment && open !== undefined) {
      // Comments between the parts of a value belong to it.
      open.text += before + line;
      before = '';
      continue;
    }
    const name = isComment ? undefined : /^([A-Za-z0-9_.-]+)\s*=/.exec(line)?.[1];
    if (name === undefined) {
      before += line;
      continue;
    }
    open = { name, text: before + line };
    before = '';
    entries.push(open);
  }
  if (before !== '') entries.push({ text: before });
  return entries;
}

/** The value of a setting, as the last of its lines has it; undefined where it is not there. */
export function valueIn(text: string, name: string): string | undefined {
  const entry = entriesOf(text).findLast((each) => each.name === name);
  if (entry === undefined) return undefined;
  const lines = entry.text.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  return lines
    .join(' ')
    .replace(/^[^=]*=/, '')
    .trim()
    .replace(/\s+/g, ' ');
}

/**
 * @param keep settings that stay what they are on the standby, or away where they are not there
 * @param standby its main.cf now; '' where it has none
 */
export function mergeMainCf(primary: string, standby: string, keep: readonly string[]): string {
  const kept = new Set(keep);
  const own = new Map(
    entriesOf(standby).flatMap((entry) => (entry.name !== undefined && kept.has(entry.name) ? [[entry.name, entry]] : [])),
  );
  const given = new Set<string>();
  const lines: string[] = [];
  for (const { name, text } of entriesOf(primary)) {
    if (name === undefined || !kept.has(name)) {
      lines.push(text);
      continue;
    }
    const mine = own.get(name);
    if (mine === undefined || given.has(name)) continue;
    given.add(name);
    lines.push(withEnd(bare(mine.text)));
  }
  const missing = [...own].filter(([name]) => !given.has(name)).map(([, { text }]) => withEnd(bare(text)));
  return [...lines.map((text, at) => (at === lines.length - 1 || missing.length > 0 ? withEnd(text) : text)), ...missing].join('');
}

/** Without the comments before it, which are about what stood there. */
function bare(text: string): string {
  const lines = text.split(/(?<=\n)/);
  const first = lines.findIndex((line) => !/^\s*(?:#|$)/.test(line));
  return lines.slice(Math.max(0, first)).join('');
}

function withEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
