/** The report as a PDF: for those who keep it, print it, or read it behind a link. It says what the page for the browser says, unfolded. */
import type { Finding } from '../../../errors/finding.ts';
import type { Level } from '../../metrics/model.ts';
import { chartsOf } from '../html/chart.ts';
import { factsOf } from '../html/facts.ts';
import { LIGHT } from '../html/palette.ts';
import { occasionOf } from '../html/page/hero.ts';
import { likewiseOf } from '../html/page/actions.ts';
import { tilesOf } from '../html/page/numbers.ts';
import { sayIn, type Say, type ViewOptions } from '../html/say.ts';
import { calendarOf } from '../html/series.ts';
import { todosOf } from '../html/todo.ts';
import type { HostReport, Report } from '../model.ts';
import { CHART_HEIGHT, drawChart } from './chart.ts';
import { fitting, type Letters, readFonts } from './fonts.ts';
import { MARGIN, type Sheet, sheetOf } from './sheet.ts';

export interface Pdf {
  bytes: Buffer;
  /** Letters that the font does not have, and for which a sign stands; empty where all could be written. */
  missing: readonly string[];
}

const MOST_FINDINGS = 12;
const MOST_RUNS = 12;

export async function renderPdf(report: Report, options: ViewOptions): Promise<Pdf> {
  const [{ default: PDFDocument }, fonts] = await Promise.all([import('pdfkit'), readFonts()]);
  const say = sayIn(options);
  const facts = factsOf(report, say);
  const made = Date.parse(report.madeAt);
  const doc = new PDFDocument({
    size: 'A4',
    margins: { top: MARGIN, bottom: 0, left: MARGIN, right: MARGIN },
    bufferPages: true,
    lang: say.lang,
    displayTitle: true,
    info: { Title: `mailrecover: ${facts.headline}`, Creator: 'mailrecover', CreationDate: new Date(made) },
  });
  const chunks: Buffer[] = [];
  doc.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => doc.on('end', resolve).on('error', reject));
  doc.registerFont('plain', fonts.plain).registerFont('bold', fonts.bold).font('plain');
  const missing = new Set<string>();
  const sheet = sheetOf(doc, fitting(lettersOf(doc), missing));
  hero(sheet, report, say);
  todo(sheet, report, say);
  numbers(sheet, report, say);
  if (report.hosts.length > 1) hosts(sheet, report, say);
  charts(sheet, report, say);
  for (const host of report.hosts.filter(({ level }) => level !== 'ok' || report.hosts.length === 1)) details(sheet, host, say);
  if (report.findings.length > 0) {
    sheet.heading(say.report.general);
    findings(sheet, report.findings, say);
  }
  foot(sheet, report, say);
  doc.end();
  await ended;
  return { bytes: Buffer.concat(chunks), missing: [...missing] };
}

/** The typings do not know the font that is in use. */
function lettersOf(doc: object): Letters {
  const { _font: used } = doc as { _font?: { font?: Letters } };
  return used?.font ?? { hasGlyphForCodePoint: () => true };
}

function hero(sheet: Sheet, report: Report, say: Say): void {
  const { doc, width } = sheet;
  const { words, dates } = say;
  const facts = factsOf(report, say);
  const { ink, tint } = LIGHT.levels[report.verdict];
  const lines = [facts.because, ...occasionOf(report, say)].filter((line) => line !== '');
  const inner = width - 32;
  const height =
    sheet.heightOf(facts.headline, inner, { face: 'bold', size: 18 }) +
    lines.reduce((sum, line) => sum + sheet.heightOf(line, inner, { size: 10 }) + 3, 0) +
    38;
  sheet.text(
    `mailrecover · ${words.periods[report.period.name]} · ${dates.range(Date.parse(report.period.from), Date.parse(report.period.to))}`,
    {
      size: 9,
      color: LIGHT.muted,
    },
  );
  sheet.gap(6);
  const top = doc.y;
  doc.roundedRect(MARGIN, top, width, height, 6).fill(tint);
  doc.rect(MARGIN, top + 6, 4, height - 12).fill(ink);
  doc.y = top + 14;
  const host = report.hosts.length === 1 ? ` · ${report.hosts[0]?.host ?? ''}` : '';
  sheet.text(`${words.levels[report.verdict]}${host}`, { indent: 16, face: 'bold', color: ink });
  sheet.gap(2);
  sheet.text(facts.headline, { indent: 16, face: 'bold', size: 18 });
  sheet.gap(2);
  for (const line of lines) sheet.text(line, { indent: 16 });
  doc.y = top + height;
}

function todo(sheet: Sheet, report: Report, say: Say): void {
  const todos = todosOf(report);
  if (todos.length === 0) return;
  sheet.heading(say.report.next);
  for (const [index, { hint, because, host, likewise }] of todos.entries()) {
    const level: Level = because.severity === 'error' ? 'failed' : 'warning';
    const message = say.tell(because.message);
    const place = host === undefined || message.includes(host) ? '' : `${host}${say.words.colon}`;
    sheet.room(48);
    sheet.text(`${index + 1}.  ${say.words.severities[because.severity]}${say.words.colon}${place}${message}`, {
      color: LIGHT.levels[level].ink,
    });
    if (likewise.length > 0) sheet.text(likewiseOf(likewise, say), { indent: 16, size: 9, color: LIGHT.muted });
    sheet.text(`→ ${say.tell(hint)}`, { indent: 16 });
    sheet.gap(5);
  }
}

function numbers(sheet: Sheet, report: Report, say: Say): void {
  sheet.heading(say.words.numbers);
  for (const { label, value, note, level } of tilesOf(report, factsOf(report, say), say))
    sheet.row([
      { text: label, width: sheet.width * 0.3, color: LIGHT.muted },
      {
        text: value,
        width: sheet.width * 0.28,
        face: 'bold',
        color: LIGHT.levels[level ?? 'ok'].ink,
        ...(level === undefined ? { color: LIGHT.ink } : {}),
      },
      { text: note ?? '', width: sheet.width * 0.42, size: 9, color: LIGHT.muted },
    ]);
}

function hosts(sheet: Sheet, report: Report, say: Say): void {
  const { words } = say;
  const widths = [0.14, 0.3, 0.2, 0.2, 0.16].map((share) => share * sheet.width);
  const line = (texts: readonly string[], style: object, state?: string): void =>
    sheet.row(
      texts.map((text, index) => ({
        text,
        width: widths[index] ?? 0,
        size: 9,
        ...(index === 4 ? { align: 'right' as const } : {}),
        ...style,
        ...(index === 0 && state !== undefined ? { color: state, face: 'bold' as const } : {}),
      })),
    );
  sheet.heading(words.hostsHead);
  line([words.state, words.host, words.lastBackup, words.lastProof, words.newMail], { color: LIGHT.muted, face: 'bold' });
  for (const { host, level, silent, backup, proof, totals } of report.hosts)
    line(
      [
        silent ? words.silent : words.levels[level],
        host,
        say.ago(backup?.ageSeconds),
        say.ago(proof?.ageSeconds),
        say.number(totals.newMessages),
      ],
      {},
      LIGHT.levels[level].ink,
    );
}

function charts(sheet: Sheet, report: Report, say: Say): void {
  const { hosts: all, period } = report;
  if (!all.some(({ trend }) => trend.length > 1)) return;
  const calendar = calendarOf(
    all.map(({ trend }) => trend),
    { from: Date.parse(period.from), to: Date.parse(period.to) },
    say.dates,
  );
  sheet.heading(say.words.charts, CHART_HEIGHT + 20);
  for (const chart of chartsOf(all, calendar, say)) drawChart(sheet, chart, calendar, say);
}

function details(sheet: Sheet, host: HostReport, say: Say): void {
  const { words, report: said, dates } = say;
  sheet.heading(`${host.host}${words.colon}${words.levels[host.level]}`);
  findings(sheet, host.findings, say);
  const runs = [...host.failures, ...host.incomplete];
  for (const run of runs.slice(0, MOST_RUNS)) {
    const why = run.error === undefined ? run.codes.map(said.short).join(words.comma) : say.tell(run.error);
    const state = said.state[run.state] ?? run.state;
    sheet.row([
      { text: dates.moment(Date.parse(run.startedAt)), width: sheet.width * 0.24, size: 9, color: LIGHT.muted },
      { text: run.command, width: sheet.width * 0.14, size: 9 },
      { text: `${state}${why === '' ? '' : `${words.colon}${why}`}`, width: sheet.width * 0.62, size: 9, color: LIGHT.levels.failed.ink },
    ]);
  }
}

function findings(sheet: Sheet, all: readonly Finding[], say: Say): void {
  for (const { severity, message, hint } of all.slice(0, MOST_FINDINGS)) {
    const color = severity === 'error' ? LIGHT.levels.failed.ink : severity === 'warning' ? LIGHT.levels.warning.ink : LIGHT.muted;
    sheet.text(`${say.words.severities[severity]}${say.words.colon}${say.tell(message)}`, { color, size: 9.5 });
    if (hint !== undefined) sheet.text(`→ ${say.tell(hint)}`, { indent: 16, size: 9.5 });
    sheet.gap(3);
  }
  if (all.length > MOST_FINDINGS) sheet.text(say.common.more(all.length - MOST_FINDINGS), { size: 9, color: LIGHT.muted });
}

/** On each page, who made it when, and which page it is. */
function foot({ doc, width }: Sheet, report: Report, say: Say): void {
  const made = Date.parse(report.madeAt);
  const { start, count } = doc.bufferedPageRange();
  for (let page = start; page < start + count; page++) {
    doc.switchToPage(page);
    const y = doc.page.height - MARGIN + 8;
    doc.font('plain').fontSize(8).fillColor(LIGHT.muted);
    doc.text(
      `${say.words.madeBy(`${say.dates.moment(made)} ${say.dates.zone(made)}`, report.by)} · mailrecover ${report.version}`,
      MARGIN,
      y,
      { width: width - 60, lineBreak: false },
    );
    doc.text(`${page - start + 1} / ${count}`, MARGIN + width - 60, y, { width: 60, align: 'right', lineBreak: false });
  }
}
