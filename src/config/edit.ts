/** Changes to a configuration file that leave its comments and its order as they are. */
import { chownSync, statSync } from 'node:fs';
import { isSeq, parseDocument, type Document } from 'yaml';
import { systemCode } from '../errors/error.ts';
import { writeDurable } from '../system/files.ts';
import { readConfig } from './load.ts';
import { configError, parseConfig } from './parse.ts';

/** The lists that commands change. */
export type ListKey = 'recipients' | 'identities';

function withList(document: Document, key: ListKey, change: (values: string[]) => string[]): void {
  const node = document.get(key);
  const before = isSeq(node) ? (node.toJSON() as string[]) : [];
  const after = change(before);
  for (const value of after) if (!before.includes(value)) document.addIn([key], value);
  for (const value of before.toReversed()) if (!after.includes(value)) document.deleteIn([key, before.indexOf(value)]);
  if (after.length === 0 && key === 'identities') document.delete(key);
}

/**
 * Adds to or takes from a list in the file, durably and in one step; the result is validated before it is written.
 * @throws MailrecoverError `config` where the file, or what would come of it, is not valid; `io`
 */
export async function editConfigList(path: string, key: ListKey, change: (values: string[]) => string[]): Promise<void> {
  const document = parseDocument(readConfig(path));
  withList(document, key, change);
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
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
