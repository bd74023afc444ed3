/** Whether HTML is as it should be: every element closed in its turn, every attribute in quotes. */

const VOID = new Set(['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr']);
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9:]*)((?:\s+[A-Za-z_:][\w:.-]*(?:="[^"<>]*")?)*)\s*(\/?)>/y;

/** What is wrong with it, the first thing found; undefined where nothing is. */
export function htmlProblem(html: string): string | undefined {
  const open: string[] = [];
  const ids = new Set<string>();
  let at = 0;
  while ((at = html.indexOf('<', at)) >= 0) {
    const skipped = /<!--[\s\S]*?-->|<!doctype html>/iy;
    skipped.lastIndex = at;
    if (skipped.test(html)) {
      at = skipped.lastIndex;
      continue;
    }
    TAG.lastIndex = at;
    const match = TAG.exec(html);
    if (match === null) return `no tag: ${html.slice(at, at + 80)}`;
    const [all, end, name = '', attributes = '', closed] = match;
    at += all.length;
    for (const [, id = ''] of attributes.matchAll(/\sid="([^"]*)"/g)) {
      if (ids.has(id)) return `twice: id ${id}`;
      ids.add(id);
    }
    if (end === '/') {
      const last = open.pop();
      if (last !== name) return `</${name}> closes <${last ?? ''}> before ${html.slice(at, at + 60)}`;
    } else if (!VOID.has(name) && closed !== '/') {
      if (name === 'script' || name === 'style') at = html.indexOf(`</${name}`, at);
      open.push(name);
    }
  }
  return open.length === 0 ? undefined : `not closed: ${open.join(' ')}`;
}

/** The text that a reader sees, entities and all, without styles, scripts and comments. */
export function visibleText(html: string): string {
  return html
    .replace(/<(script|style)[\s\S]*?<\/\1>|<!--[\s\S]*?-->/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(amp|lt|gt|quot|nbsp|zwnj|#39|#96|#847);/g, (_, name: string) => ENTITIES[name] ?? '')
    .replace(/\s+/g, ' ');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', '#39': "'", '#96': '`' };
