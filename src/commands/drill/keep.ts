/** The record of a run, as files that stay. */
import { dirname, join } from 'node:path';
import type { DrillState } from '../../drill/journal.ts';
import { recordMarkdown } from '../../drill/markdown.ts';
import { recordOf, type DrillRecord } from '../../drill/record.ts';
import { writeDurable } from '../../system/files.ts';
import type { Artifact } from '../types.ts';

/** Writes the record beside its journal: as JSON, and as a page. */
export async function keepRecord(state: DrillState): Promise<{ record: DrillRecord; artifacts: Artifact[] }> {
  const record = recordOf(state);
  const place = join(dirname(state.path), `${record.startedAt.slice(0, 10)}-${record.recipe.name}-${record.run}`);
  await writeDurable(`${place}.json`, `${JSON.stringify(record, null, 2)}\n`);
  await writeDurable(`${place}.md`, recordMarkdown(record));
  return {
    record,
    artifacts: [
      { kind: 'record', path: `${place}.json` },
      { kind: 'report', path: `${place}.md` },
    ],
  };
}
