import { MailrecoverError } from '../errors/error.ts';
import { reportCounts } from '../report/report/json.ts';
import type { Report } from '../report/report/model.ts';
import { reportText } from '../report/report/text.ts';
import { placeOf } from './from-config.ts';
import { FORMATS, reportAs, writePage, writePdf } from './report/forms.ts';
import { knownReport } from './report/known.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'report',
  summary: 'tell how backups stand, on one page or by mail',
  description: [
    'Turns what this host and the repository know into a report: the verdict, what to do next with the very command, for each host its last good backup, last proved restore, goals, new mail, growth and damage, then details. Without --all it is of this host.',
    "With --all it is of every host that writes into the repository and of those that the configuration names under 'report.hosts'. A host of which nothing is known, or nothing was heard for too long, is an error.",
    'While the repository is out of reach, what this host knows of its own runs is told all the same, and the exit code is 3. Else the report ends with 0 when it was made, whatever it says; ask `status` where a script needs the verdict as an exit code.',
  ],
  arguments: {},
  options: {
    all: { kind: 'flag', description: 'report on every host of the repository' },
    host: { kind: 'text', value: 'HOST', description: 'report on another host that writes into the repository' },
    period: { kind: 'choice', value: 'PERIOD', choices: ['day', 'week', 'month'], description: 'how far to look back', default: 'day' },
    send: { kind: 'flag', description: "send it by mail, as 'notify' in the configuration says" },
    to: { kind: 'list', value: 'ADDRESS', description: "send it to these in place of 'notify.to'" },
    on: {
      kind: 'text',
      value: 'ENDS',
      description: 'send it only for these of success,warning,failure: once, again as a reminder, and when it is over; without it, always',
    },
    link: {
      kind: 'text',
      value: 'PLACE',
      description:
        "with --send: put it at this place of 'notify.links', where the recipients alone can read it, and send the link; where that fails, it is sent itself",
    },
    dryRun: { kind: 'flag', description: 'with --send, only show what would be sent' },
    html: {
      kind: 'text',
      value: 'FILE',
      description: 'also write it as one page for the browser, with charts and every run; the file is replaced in one step',
      complete: 'file',
    },
    pdf: {
      kind: 'text',
      value: 'FILE',
      description: 'also write it as a PDF to keep, print or hand on; the file is replaced in one step',
      complete: 'file',
    },
    format: { kind: 'choice', value: 'FORMAT', choices: FORMATS, description: 'the form on standard output', default: 'text' },
  },
  examples: [
    { command: 'mailrecover report', says: 'Read how this host stands.' },
    { command: 'mailrecover report --all --period week', says: 'Read how all hosts did this week.' },
    { command: 'mailrecover report --all --period month --html report.html', says: 'Look at it in a browser, with charts.' },
    { command: 'mailrecover report --all --period month --pdf report.pdf --lang ja', says: 'Keep the month on paper, in Japanese.' },
    { command: 'mailrecover report --all --format csv > hosts.csv', says: 'Look at it in a spreadsheet.' },
    { command: 'mailrecover report --all --format junit > report.xml', says: 'Show it where results of tests are shown.' },
    { command: 'mailrecover report --all --send --quiet', says: 'Send the summary of all hosts, from a timer once a day.' },
    { command: 'mailrecover report --all --send --on warning,failure', says: 'Send it when something is wrong, and when it is over.' },
    { command: 'mailrecover report --all --send --link drive', says: 'Send a link that the recipients alone can read.' },
    { command: 'mailrecover report --send --dry-run --lang ja', says: 'See what would be sent, in Japanese.' },
  ],
  exitCodes: {
    0: 'the report was made, and sent where that was asked, whatever it says',
    1: 'it could not be sent, and every transport refuses it for good',
    3: 'it is not sent yet, and is tried again; or the repository is out of reach, so only what this host knows is told',
    ...READING_EXIT_CODES,
  },
  json: {
    'report.verdict': 'ok, warning or failed',
    'report.hosts[]': 'each host: level, silent, backup, proof, wholeProof, goals, totals, failures, incomplete, trend, runs, findings',
    'report.actions[].{hint,because,host}': 'what to do next, the most urgent first',
    'report.{repository,spool,findings}': 'the repository, mails that wait to be sent, and what is of no single host',
    'report.{madeAt,by,version,period,run,occasion}': 'when, by whom, of which time and why it was made',
    'sent.{status,kind,id,subject,to,left,link}':
      'with --send: delivered, spooled, refused, lost, unneeded or (with --dry-run) would-send; why it is sent; who did not get it yet; and the link with its id and end',
    'counts.{hosts,failed,warnings}': 'how many hosts there are, and how many of them are not well',
  },
  recordsHistory: 'send',
  async run(context, _args, options): Promise<CommandResult> {
    if (options.all && options.host !== undefined)
      throw new MailrecoverError('usage', '--all and --host exclude each other', { hint: 'leave one of them out' });
    if (!options.send && (options.to.length > 0 || options.on !== undefined || options.link !== undefined || options.dryRun))
      throw new MailrecoverError('usage', '--to, --on, --link and --dry-run are for --send', { hint: 'add --send' });
    const place = await placeOf(context, { host: options.host });
    const { report, trouble } = await knownReport(context, { period: options.period, only: options.all ? undefined : place.host });
    if (options.host !== undefined && trouble === undefined && report.hosts.every(({ silent }) => silent)) {
      const { noHost } = await import('./status.ts');
      throw noHost(
        options.host,
        report.hosts.map(({ host }) => host),
      );
    }
    // Where only a look is asked for, nothing is written.
    const path = options.html === undefined || options.dryRun ? undefined : await writePage(report, options.html, context.lang);
    const pdf = options.pdf === undefined || options.dryRun ? undefined : await writePdf(report, options.pdf, context.lang);
    const files = [
      ...(path === undefined ? [] : [{ kind: 'page', path }]),
      ...(pdf === undefined ? [] : [{ kind: 'pdf', path: pdf.path }]),
    ];
    const artifacts = files.length === 0 ? {} : { artifacts: files };
    if (options.send) {
      const sent = await send(context, report, trouble, options);
      return { ...sent, findings: [...(sent.findings ?? []), ...(pdf?.findings ?? [])], ...artifacts };
    }
    const { format } = options;
    const output = await reportAs(report, format, context.lang);
    return {
      outcome: trouble !== undefined ? 'partial' : (pdf?.findings.length ?? 0) > 0 ? 'warning' : 'ok',
      counts: reportCounts(report),
      ...(pdf === undefined ? {} : { findings: pdf.findings }),
      fields: { report },
      ...artifacts,
      ...(format === 'json' ? { document: true } : {}),
      ...(output === undefined ? {} : { output }),
      render: (text) =>
        output === undefined
          ? [
              reportText(report, text),
              ...(path === undefined ? [] : [text.words.page.written(path)]),
              ...(pdf === undefined ? [] : [text.words.page.writtenPdf(pdf.path)]),
            ].join('\n')
          : '',
    };
  },
});

interface Sending {
  all: boolean;
  host: string | undefined;
  to: readonly string[];
  on: string | undefined;
  dryRun: boolean;
  link: string | undefined;
}

async function send(
  context: CommandContext,
  made: Report,
  trouble: MailrecoverError | undefined,
  options: Sending,
): Promise<CommandResult> {
  const { levelsOf, outcomeOf, sendReport, sentFields } = await import('./report/deliver.ts');
  const key = options.all ? 'report --all' : options.host === undefined ? 'report' : `report --host ${options.host}`;
  const asked = { to: options.to, on: levelsOf(options.on), dryRun: options.dryRun, link: options.link, key };
  const told = await sendReport(context, made, asked);
  const { outcome, findings } = outcomeOf(told);
  const { report, message, sent, decision } = told;
  const fields = { report, ...sentFields(told, asked) };
  const wanted = asked.on === undefined || decision.kind !== undefined;
  return {
    outcome: trouble !== undefined && (outcome === 'ok' || outcome === 'warning') ? 'partial' : outcome,
    counts: reportCounts(report),
    ...(findings === undefined ? {} : { findings }),
    fields,
    render(text) {
      const says = text.words.report.sending;
      const to = message.to.join(text.words.common.and);
      if (!wanted) return says.unneeded(message.subject);
      if (sent === undefined) return `${says.would(to)}\n\n${text.bold(message.subject)}\n\n${message.text}`;
      return sent.status === 'delivered' ? text.green(says.sent(to, message.subject)) : text.yellow(says.notYet(message.subject));
    },
  };
}
