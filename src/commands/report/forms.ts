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
