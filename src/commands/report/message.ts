/** A report as a mail: text, HTML and pictures beside it, and the JSON document attached. */
import type { Attachment, Message, NotifyEvent } from '../../notify/message.ts';
import type { HtmlMail } from '../../report/report/html/mail.ts';
import { reportDocument } from '../../report/report/json.ts';
import type { Report } from '../../report/report/model.ts';
import { reportSubject } from '../../report/report/subject.ts';
import { reportText } from '../../report/report/text.ts';
import { textHelpers } from '../../report/text/helpers.ts';
import { printable } from '../../report/text/width.ts';
import type { Lang } from '../../report/words/index.ts';

/** A document that is longer is attached without the history: every way of sending has its limit. */
const LARGE = 600_000;

/** @param events what services that count what is open are told; by default each host as it stands */
export async function reportMessage(
  report: Report,
  lang: Lang,
  to: readonly string[],
  events = hostEvents(report, lang),
): Promise<Message> {
  const text = textHelpers({ color: false, lang });
  const { verdict, by, madeAt, run } = report;
  const shown = await htmlOf(report, lang);
  return {
    subject: reportSubject(report, text.words),
    text: printable(reportText(report, text)),
    ...(shown === undefined ? {} : { html: shown.html }),
    attachments: [...(shown?.pictures ?? []), attached(report)],
    headers: {
      'X-Mailrecover-Status': verdict,
      'X-Mailrecover-Host': printable(by),
      ...(run === undefined ? {} : { 'X-Mailrecover-Command': run.command, 'X-Mailrecover-Run': run.id }),
      'X-Mailrecover-Time': madeAt,
    },
    to,
    events,
  };
}

/** The text part says it all, too: an alarm is never lost because a chart could not be drawn. */
async function htmlOf(report: Report, lang: Lang): Promise<HtmlMail | undefined> {
  try {
    const { renderMail } = await import('../../report/report/html/mail.ts');
    return renderMail(report, { lang });
  } catch {
    return undefined;
  }
}

function attached(report: Report): Attachment {
  const whole = JSON.stringify(reportDocument(report));
  const content = whole.length <= LARGE ? whole : JSON.stringify(reportDocument(withoutHistory(report)));
  const name = `mailrecover-${report.by.replace(/[^A-Za-z0-9.-]/g, '_')}-${report.madeAt.slice(0, 10)}.json`;
  return { filename: name, contentType: 'application/json', content: Buffer.from(content) };
}

function withoutHistory(report: Report): Report {
  return {
    ...report,
    hosts: report.hosts.map((host) => ({ ...host, trend: [], runs: [], runsLeftOut: host.runs.length + (host.runsLeftOut ?? 0) })),
  };
}

function hostEvents(report: Report, lang: Lang): NotifyEvent[] {
  const words = textHelpers({ color: false, lang }).words;
  return report.hosts.map((host) => ({
    key: `${host.host}/report`,
    host: host.host,
    outcome: host.level,
    summary: reportSubject({ ...report, hosts: [host], findings: [], verdict: host.level, occasion: undefined }, words),
  }));
}
