import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Report } from '../../report/report/model.ts';
import type { Lang } from '../../report/words/index.ts';

export const FORMATS = ['text', 'json', 'csv', 'markdown', 'junit'] as const;

/** The report in a form for other programs; undefined for those that the command line makes: text with colours, the JSON document. */
export async function reportAs(report: Report, format: (typeof FORMATS)[number], lang: Lang): Promise<string | undefined> {
  if (format === 'csv') return (await import('../../report/report/csv.ts')).reportCsv(report);
  if (format === 'junit') return (await import('../../report/report/junit.ts')).reportJunit(report);
  if (format !== 'markdown') return undefined;
  const [{ reportMarkdown }, { textHelpers }] = await Promise.all([
    import('../../report/report/markdown.ts'),
    import('../../report/text/helpers.ts'),
  ]);
  return reportMarkdown(report, textHelpers({ color: false, lang }));
}

/**
 * The report as one page for the browser, written in one step. A page that is there keeps who may read it; a new one is its owner's alone, since findings
 * may name mailboxes.
 * @returns the path of the file
 * @throws MailrecoverError `io` or `no-space`
 */
export async function writePage(report: Report, file: string, lang: Lang): Promise<string> {
  const [{ renderPage }, { ifPresent, writeDurable }] = await Promise.all([
    import('../../report/report/html/page.ts'),
    import('../../system/files.ts'),
  ]);
  const path = resolve(file);
  const there = await ifPresent(async () => stat(path));
  await writeDurable(path, renderPage(report, { lang }), there === undefined ? 0o600 : there.mode & 0o777);
  return path;
}
