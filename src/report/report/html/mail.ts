import type { Report } from '../model.ts';
import { chartsOf } from './chart.ts';
import { factsOf } from './facts.ts';
import { hintOf } from './hint.ts';
import { mailHosts } from './mail/hosts.ts';
import { command, heading, inline, layout, LEVEL_CLASS, mailStyle, mark, MARKS, row, text, WIDTH } from './mail/parts.ts';
import { mailChart, type Picture } from './mail/pictures.ts';
import { type Markup, markup, trusted } from './markup.ts';
import { likewiseOf } from './page/actions.ts';
import { occasionOf } from './page/hero.ts';
import { type Tile, tilesOf } from './page/numbers.ts';
import { LIGHT } from './palette.ts';
import { sayIn, type Say, type ViewOptions } from './say.ts';
import { calendarOf } from './series.ts';
import { type Todo, todosOf } from './todo.ts';

export interface HtmlMail {
  html: string;
  /** What `<img src="cid:…">` in it shows. */
  pictures: readonly Picture[];
}

/** Gmail cuts off what goes beyond 102 kB, and may count its own changes. */
const MOST_BYTES = 80_000;
/** Kept free for what stands below the hosts. */
const BELOW = 12_000;
const MOST_ACTIONS = 9;
/** A message or hint may be as long as it likes; here it is cut. */
const LONGEST = 600;

/** The report as the HTML part of a mail, less than 100 kB whatever the report holds, and the pictures in it. */
export function renderMail(report: Report, options: ViewOptions): HtmlMail {
  const say = sayIn(options);
  const { words, dates } = say;
  const facts = factsOf(report, say);
  const { hosts, verdict, period } = report;
  const calendar = calendarOf(
    hosts.map(({ trend }) => trend),
    { from: Date.parse(period.from), to: Date.parse(period.to) },
    dates,
  );
  const charts = hosts.some(({ trend }) => trend.length > 1) ? chartsOf(hosts, calendar, say).filter(({ name }) => name !== 'age') : [];
  const drawn = charts.map((chart) => mailChart(chart, calendar, say));
  const made = Date.parse(report.madeAt);
  const todos = todosOf(report).slice(0, MOST_ACTIONS);
  const left = report.actions.length - todos.reduce((sum, { all }) => sum + all.length, 0);
  const head = [
    row(
      markup`${text(markup`<b class="${LEVEL_CLASS[verdict]}" style="color:${LIGHT.levels[verdict].ink}">${MARKS[verdict]} ${words.levels[verdict]}</b>${hosts.length === 1 && ` · ${short(hosts[0]?.host ?? '')}`}`)}<h1 class="k" style="margin-top:4px;margin-bottom:4px;font-size:24px;line-height:32px;font-weight:bold;word-break:break-word;color:${LIGHT.ink}">${facts.headline}</h1>${
        facts.because !== '' && text(short(facts.because), { size: 15 })
      }${occasionOf(report, say).map((line) => text(short(line), { name: 'm' }))}${
        hosts.length > 1 && layout(markup`<tr><td style="padding-top:10px">${text(countsOf(facts.counts, say), { size: 13 })}</td></tr>`)
      }`,
      { top: 22, bottom: 22, back: verdict },
    ),
    ...(report.actions.length === 0 ? [] : [heading(say.report.next), ...todos.map((each, index) => todoRow(each, index + 1, say))]),
    left > 0 ? row(text(say.report.moreActions(left), { size: 13, name: 'm' })) : undefined,
  ];
  const tail = [
    heading(words.numbers),
    row(layout(tilesOf(report, facts, say).map(tileRow))),
    ...(drawn.length === 0 ? [] : [heading(words.charts), ...drawn.map(({ html }) => html)]),
    row(
      text(
        markup`${words.madeBy(`${dates.moment(made)} ${dates.zone(made)}`, short(report.by))} · mailrecover ${short(report.version)}<br>${words.repository}${words.colon}${short(report.repository.location)}`,
        { size: 12, name: 'm' },
      ),
      { top: 24, bottom: 24 },
    ),
  ];
  const used = Buffer.byteLength(markup`${head}${tail}`.markup) + BELOW / 2;
  const table =
    hosts.length < 2 ? undefined : markup`${heading(words.hostsHead)}${mailHosts(report, Math.max(8000, MOST_BYTES - used), say)}`;
  const body = markup`${head}${table}${tail}`;
  return {
    html: whole(body, { title: facts.headline, preheader: short(facts.because), say }).markup,
    pictures: drawn.map(({ picture }) => picture),
  };
}

function whole(body: Markup, { title, preheader, say }: { title: string; preheader: string; say: Say }): Markup {
  const fonts =
    say.lang === 'ja'
      ? "'Hiragino Sans','Noto Sans JP','Yu Gothic',Meiryo,Arial,sans-serif"
      : "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
  return markup`<!doctype html>
<html lang="${say.lang}" xmlns="http://www.w3.org/1999/xhtml" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="x-apple-disable-message-reformatting">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">
<title>${title}</title>
<!--[if mso]><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->
${mailStyle()}
</head>
<body class="b" bgcolor="${LIGHT.page}" style="margin-top:0;margin-right:0;margin-bottom:0;margin-left:0;padding-top:0;padding-right:0;padding-bottom:0;padding-left:0;background-color:${LIGHT.page}">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all;font-size:1px;line-height:1px;color:${LIGHT.page}">${preheader}${trusted('&#847;&zwnj;&nbsp;'.repeat(40))}</div>
<table role="presentation" class="b" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="${LIGHT.page}" style="border-collapse:collapse;background-color:${LIGHT.page}"><tr><td align="center" style="padding-top:16px;padding-bottom:24px;font-family:${trusted(fonts)}">
${trusted(`<!--[if mso]><table role="presentation" width="${WIDTH}" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->`)}
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse;width:100%;max-width:${WIDTH}px;text-align:left">
${body}</table>
${trusted('<!--[if mso]></td></tr></table><![endif]-->')}
</td></tr></table>
</body>
</html>
`;
}

function todoRow({ hint, because, host, likewise }: Todo, index: number, say: Say): Markup {
  const level = because.severity === 'error' ? 'failed' : 'warning';
  const message = say.tell(because.message);
  const place = host === undefined || message.includes(host) ? '' : `${host}${say.words.colon}`;
  const { parts: hinted, flows } = hintOf(short(say.tell(hint)));
  const parts = flows
    ? text(
        hinted.map((part) => ('text' in part ? part.text : inline(part.command))),
        { name: 'm' },
      )
    : hinted.map((part) => ('text' in part ? text(part.text, { name: 'm' }) : command(part.command)));
  const cells = markup`<tr><td class="m" width="24" valign="top" style="width:24px;font-size:14px;line-height:21px;color:${LIGHT.muted}">${index}.</td><td valign="top">${text(
    markup`${mark(level, say.words.severities[because.severity])}${say.words.colon}${short(`${place}${message}`)}`,
  )}${likewise.length > 0 && text(short(likewiseOf(likewise, say)), { size: 13 })}${parts}</td></tr>`;
  return row(layout(cells), { top: 6, bottom: 6 });
}

function tileRow({ label, value, note, level }: Tile): Markup {
  const good = level === undefined || level === 'ok';
  const line = `padding-top:6px;padding-bottom:6px;border-bottom:1px solid ${LIGHT.line};font-size:14px;line-height:20px`;
  return markup`<tr><td class="m l" width="42%" valign="top" style="${line};padding-right:12px;color:${LIGHT.muted}">${label}</td><td class="${good ? 'k' : LEVEL_CLASS[level]} l" valign="top" style="${line};color:${good ? LIGHT.ink : LIGHT.levels[level].ink}"><b>${!good && `${MARKS[level]} `}${value}</b>${
    note !== undefined &&
    markup`<span class="m" style="font-size:13px;word-break:break-word;color:${LIGHT.muted}"> &nbsp;${short(note)}</span>`
  }</td></tr>`;
}

function countsOf(counts: Readonly<Record<'ok' | 'warning' | 'failed', number>>, say: Say): Markup {
  const levels = (['failed', 'warning', 'ok'] as const).filter((level) => counts[level] > 0);
  return markup`${levels.map((level, index) => markup`${index > 0 && trusted(' &nbsp; ')}${mark(level, say.words.levels[level])} ${say.number(counts[level])}`)}`;
}

function short(said: string): string {
  return said.length <= LONGEST ? said : `${said.slice(0, LONGEST)} …`;
}
