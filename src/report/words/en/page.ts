import { count } from './count.ts';

/** The report as a page for the browser, and as the HTML part of a mail. */
export const page = {
  periods: { day: 'Daily', week: 'Weekly', month: 'Monthly' },
  levels: { ok: 'OK', warning: 'Warning', failed: 'Failed' },
  severities: { error: 'Error', warning: 'Warning', info: 'Note' },
  colon: ': ',
  stop: '.',
  comma: ', ',

  // The verdict.
  becauseWell: 'Every host has a recent backup, and nothing waits for you.',
  becauseOne: 'There is a recent backup, and nothing waits for you.',
  /** Behind the names of hosts, or alone. */
  todo: (value: number) => `${count(value, 'thing', 'things')} to do`,
  madeBy: (time: string, host: string) => `made ${time} by ${host}`,

  // What to do.
  copy: 'Copy',
  copied: 'Copied',
  likewise: (hosts: string, more: number) => `also ${hosts}${more === 0 ? '' : ` and ${count(more, 'more host', 'more hosts')}`}`,
  moreActions: (left: number) => `and ${count(left, 'more thing', 'more things')}, below at their hosts`,

  // Numbers.
  numbers: 'In numbers',
  hostsWell: 'Hosts that are well',
  ofAll: (some: string, all: string) => `${some} of ${all}`,
  lastBackup: 'Newest backup',
  furthestBehind: 'Furthest behind',
  silent: 'Silent',
  silentLong: 'Nothing is known of any backup of this host.',
  goal: (span: string) => `goal ${span}`,
  goalMet: 'met',
  goalMissed: 'missed',
  noGoal: 'no goal set',
  lastProof: 'Restore proved',
  oldestProof: 'Oldest restore proof',
  proofBy: (level: string, host: string) => `level ${level}, by ${host}`,
  restoreTakes: 'Restore takes',
  longestRestore: 'Longest restore',
  newMail: 'New mail',
  messages: (value: number) => count(value, 'message', 'messages'),
  inPeriod: { day: 'in the last day', week: 'in the last week', month: 'in the last month' },
  stored: 'Stored',
  held: 'Mail held',
  repository: 'Repository',
  perDay: (size: string) => `${size} more a day`,
  room: 'Room left',
  daysLeft: (days: number) => `full in ${count(days, 'day', 'days')}`,
  roomUnknown: 'the place does not tell',
  spool: 'Mails that wait',
  spoolRefused: (refused: number) => `${count(refused, 'was refused', 'were refused')} for good`,
  spoolOldest: (span: string) => `the oldest for ${span}`,
  backups: 'Backups',
  runsFailed: 'Failed runs',
  neverEnded: 'Never ended',
  damagedObjects: 'Damaged objects',
  certificate: 'TLS certificate',
  ended: 'ended',
  daysMore: (days: number) => `${count(days, 'day', 'days')} left`,
  snapshot: 'Snapshot',

  // The hosts.
  hostsHead: 'Hosts',
  hostsDetail: 'Each host',
  host: 'Host',
  state: 'State',
  trend: 'Stored per day',
  search: 'Find a host',
  noMatch: 'No host is like that.',
  sortBy: 'Sort by',

  // Charts.
  charts: 'Over time',
  chartStored: 'Stored per day',
  chartStoredWeeks: 'Stored per day, average of each week',
  chartBackup: 'Longest backup of each day',
  chartBackupWeeks: 'Longest backup of each week',
  chartRestore: 'Restore proof takes',
  chartAge: 'Greatest age of the newest backup',
  rto: 'RTO',
  rpo: 'RPO',
  goalLine: (name: string, span: string) => `${name} goal ${span}`,
  failedRuns: (failed: string) => `${failed} failed`,
  weekFrom: (day: string) => `week from ${day}`,
  chartSays: (least: string, most: string, day: string, last: string) => `least ${least}, most ${most} (${day}), latest ${last}`,
  chartOne: (value: string, day: string) => `${value} (${day})`,
  chartFailed: (failed: number) => `${count(failed, 'backup', 'backups')} failed`,
  chartAbove: (times: number) => `above the goal ${count(times, 'time', 'times')}`,
  chartNothing: 'nothing yet',

  // Runs and findings.
  runs: 'Runs of the period',
  noRuns: 'Nothing ran in this period.',
  started: 'Started',
  command: 'Command',
  result: 'Result',
  took: 'Took',
  said: 'What it said',
  moreRuns: (left: number) => `and ${count(left, 'more run', 'more runs')}: `,
  findings: 'Findings',
  moreFindings: (left: number) => `${count(left, 'more', 'more')} of the same kind`,

  // The end.
  written: (path: string) => `The page for the browser is ${path}`,
  writtenPdf: (path: string) => `The PDF is ${path}`,
  footer: 'This page needs no network, and holds all that it shows.',

  // The mail.
  moreHosts: (left: number) =>
    `${count(left, 'more host is', 'more hosts are')} not listed here, to keep this mail short. The attached JSON has all of them.`,
  moreWell: (left: number) =>
    `${count(left, 'more host that is well is', 'more hosts that are well are')} not listed here, to keep this mail short. The attached JSON has all of them.`,
  sentBy: (host: string) => `Sent by mailrecover on ${host}.`,
};
