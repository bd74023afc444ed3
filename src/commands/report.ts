import { MailrecoverError } from '../errors/error.ts';
import { reportCounts } from '../report/report/json.ts';
import { reportText } from '../report/report/text.ts';
import { placeOf } from './from-config.ts';
import { FORMATS, reportAs } from './report/forms.ts';
import { knownReport } from './report/known.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandResult } from './types.ts';

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
    format: { kind: 'choice', value: 'FORMAT', choices: FORMATS, description: 'the form on standard output', default: 'text' },
  },
  examples: [
    { command: 'mailrecover report', says: 'Read how this host stands.' },
    { command: 'mailrecover report --all --period week', says: 'Read how all hosts did this week.' },
    { command: 'mailrecover report --all --format csv > hosts.csv', says: 'Look at it in a spreadsheet.' },
    { command: 'mailrecover report --all --format junit > report.xml', says: 'Show it where results of tests are shown.' },
  ],
  exitCodes: {
    0: 'the report was made, whatever it says',
    3: 'the repository is out of reach, so only what this host knows is told',
    ...READING_EXIT_CODES,
  },
  json: {
    'report.verdict': 'ok, warning or failed',
    'report.hosts[]': 'each host: level, silent, backup, proof, wholeProof, goals, totals, failures, incomplete, trend, runs, findings',
    'report.actions[].{hint,because,host}': 'what to do next, the most urgent first',
    'report.{repository,spool,findings}': 'the repository, mails that wait to be sent, and what is of no single host',
    'report.{madeAt,by,version,period,run,occasion}': 'when, by whom, of which time and why it was made',
    'counts.{hosts,failed,warnings}': 'how many hosts there are, and how many of them are not well',
  },
  async run(context, _args, options): Promise<CommandResult> {
    if (options.all && options.host !== undefined)
      throw new MailrecoverError('usage', '--all and --host exclude each other', { hint: 'leave one of them out' });
    const place = await placeOf(context, { host: options.host });
    const { report, trouble } = await knownReport(context, { period: options.period, only: options.all ? undefined : place.host });
    if (options.host !== undefined && trouble === undefined && report.hosts.every(({ silent }) => silent)) {
      const { noHost } = await import('./status.ts');
      throw noHost(
        options.host,
        report.hosts.map(({ host }) => host),
      );
    }
    const { format } = options;
    const output = await reportAs(report, format, context.lang);
    return {
      outcome: trouble === undefined ? 'ok' : 'partial',
      counts: reportCounts(report),
      fields: { report },
      ...(format === 'json' ? { document: true } : {}),
      ...(output === undefined ? {} : { output }),
      render: (text) => (output === undefined ? reportText(report, text) : ''),
    };
  },
});
