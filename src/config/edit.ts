/** Changes to a configuration file that leave its comments and its order as they are. */
import { chownSync, statSync } from 'node:fs';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { systemCode } from '../errors/error.ts';
import { writeDurable } from '../system/files.ts';
import { readConfig } from './load.ts';
import { configError, parseConfig } from './parse.ts';

/** The lists that commands change. */
export type ListKey = 'recipients' | 'identities';

/** What needs no quotes in a list of YAML. */
const PLAIN = /^[\w./:@+-]*\w$/;

function flowList(values: readonly string[]): string {
  return `[${values.map((value) => (PLAIN.test(value) ? value : JSON.stringify(value))).join(', ')}]`;
}

/** The text with another list: what stands between brackets is replaced where it stands, so that every comment stays where it is. */
function withList(text: string, key: ListKey, change: (values: string[]) => string[]): string {
  const document = parseDocument(text);
  const pair = isMap(document.contents) ? document.contents.items.find((each) => isScalar(each.key) && each.key.value === key) : undefined;
  const node = pair?.value;
  const before = isSeq(node) ? (node.toJSON() as string[]) : [];
  const after = change(before);
  const drop = after.length === 0 && key === 'identities';
  if (pair === undefined) return drop ? text : `${text.trimEnd()}\n\n${key}: ${flowList(after)}\n`;
  const [keyRange, range] = [isScalar(pair.key) ? pair.key.range : undefined, isSeq(node) && node.flow === true ? node.range : undefined];
  if (keyRange && range) {
    const [start, end] = [drop ? keyRange[0] : range[0], range[1]];
    return drop
      ? text.slice(0, start) + text.slice(end).replace(/^[ \t]*\n/, '')
      : text.slice(0, start) + flowList(after) + text.slice(end);
  }
  for (const value of after) if (!before.includes(value)) document.addIn([key], value);
  for (const value of before.toReversed()) if (!after.includes(value)) document.deleteIn([key, before.indexOf(value)]);
  if (drop) document.delete(key);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/**
 * Adds to or takes from a list in the file, durably and in one step; the result is validated before it is written.
 * @throws MailrecoverError `config` where the file, or what would come of it, is not valid; `io`
 */
export async function editConfigList(path: string, key: ListKey, change: (values: string[]) => string[]): Promise<void> {
  const text = withList(readConfig(path), key, change);
  const parsed = parseConfig(text);
  if (parsed.config === undefined) throw configError(path, parsed.problems);
  const { mode, uid, gid } = statSync(path);
  await writeDurable(path, text, mode & 0o777);
  try {
    chownSync(path, uid, gid);
  } catch (error) {
    // Only root can give a file away; whoever else may replace it owns the new one.
    if (systemCode(error) !== 'EPERM') throw error;
  }
}
