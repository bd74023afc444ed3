import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Finding } from '../../errors/finding.ts';
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
 * The report as a PDF, written in one step like the page.
 * @returns a finding where its font does not have all letters
 * @throws MailrecoverError `io` or `no-space`
 */
export async function writePdf(report: Report, file: string, lang: Lang): Promise<{ path: string; findings: readonly Finding[] }> {
  const { renderPdf } = await import('../../report/report/pdf/render.ts');
  const { bytes, missing } = await renderPdf(report, { lang });
  const path = await writeOut(file, bytes);
  const findings: Finding[] =
    missing.length === 0
      ? []
      : [
          {
            severity: 'warning',
            code: 'pdf-letters',
            message: `the font of the PDF does not have these letters, and □ stands for each: ${missing.slice(0, 20).join(' ')}`,
            hint: 'the page has them where the browser has: --html FILE',
            subject: path,
          },
        ];
  return { path, findings };
}

/**
 * The report as one page for the browser, written in one step. A page that is there keeps who may read it; a new one is its owner's alone, since findings
 * may name mailboxes.
 * @returns the path of the file
 * @throws MailrecoverError `io` or `no-space`
 */
export async function writePage(report: Report, file: string, lang: Lang): Promise<string> {
  const { renderPage } = await import('../../report/report/html/page.ts');
  return writeOut(file, renderPage(report, { lang }));
}

async function writeOut(file: string, content: string | Buffer): Promise<string> {
  const { ifPresent, writeDurable } = await import('../../system/files.ts');
  const path = resolve(file);
  const there = await ifPresent(async () => stat(path));
  await writeDurable(path, content, there === undefined ? 0o600 : there.mode & 0o777);
  return path;
}
