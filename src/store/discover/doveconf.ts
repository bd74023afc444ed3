/** Settings as `doveconf -n` prints them: values by name, and the sections in them. */
export interface Section {
  /** `namespace`, `userdb`, `plugin` …; empty for the whole. */
  type: string;
  /** `inbox` in `namespace inbox {`; empty where there is none. */
  name: string;
  settings: Map<string, string>;
  sections: Section[];
}

/** Deeper nesting than this is no configuration of Dovecot's. */
const MAX_DEPTH = 20;

/**
 * Reads the output of `doveconf -n`, of Dovecot 2.3 or 2.4. Lines that mean nothing to it are passed over; never
 * throws.
 */
export function parseDoveconf(text: string): { version: string | undefined; root: Section } {
  const root: Section = { type: '', name: '', settings: new Map(), sections: [] };
  const open = [root];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const inner = open.at(-1) ?? root;
    if (line === '' || line.startsWith('#')) continue;
    if (line === '}') {
      if (open.length > 1) open.pop();
      continue;
    }
    const setting = /^([^\s={}]+)\s*=\s*(.*)$/.exec(line);
    if (setting?.[1] !== undefined) {
      inner.settings.set(setting[1], unquote(setting[2] ?? ''));
      continue;
    }
    const section = /^(\S+)(?:\s+(.*?))?\s*\{$/.exec(line);
    if (section?.[1] === undefined || open.length > MAX_DEPTH) continue;
    const made: Section = { type: section[1], name: unquote(section[2] ?? ''), settings: new Map(), sections: [] };
    inner.sections.push(made);
    open.push(made);
  }
  // The first line: `# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf`
  return { version: /^# (\d+\.\d+[\w.-]*)/.exec(text)?.[1], root };
}

function unquote(value: string): string {
  const quoted = /^"(.*)"$/s.exec(value);
  return quoted?.[1] === undefined ? value : quoted[1].replace(/\\(.)/g, '$1');
}
