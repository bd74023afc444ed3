import type { HostReport, Report } from './model.ts';

type Cell = string | number | boolean | undefined;

const COLUMNS: readonly (readonly [string, (host: HostReport) => Cell])[] = [
  ['host', ({ host }) => host],
  ['level', ({ level }) => level],
  ['silent', ({ silent }) => silent],
  ['snapshot', ({ backup }) => backup?.snapshot],
  ['backup_time', ({ backup }) => backup?.time],
  ['backup_age_seconds', ({ backup }) => backup?.ageSeconds],
  ['messages', ({ backup }) => backup?.messages],
  ['bytes', ({ backup }) => backup?.bytes],
  ['backups', ({ totals }) => totals.backups],
  ['new_messages', ({ totals }) => totals.newMessages],
  ['bytes_stored', ({ totals }) => totals.bytesStored],
  ['damaged', ({ totals }) => totals.damaged],
  ['failed_runs', ({ failures }) => failures.length],
  ['incomplete_runs', ({ incomplete }) => incomplete.length],
  ['proof_time', ({ proof }) => proof?.time],
  ['proof_level', ({ proof }) => proof?.level],
  ['proof_age_seconds', ({ proof }) => proof?.ageSeconds],
  ['whole_proof_time', ({ wholeProof }) => wholeProof?.time],
  ['restore_seconds', ({ wholeProof }) => wholeProof?.seconds],
  ['rpo_goal_seconds', ({ goals }) => goals.rpo?.goalSeconds],
  ['rpo_met', ({ goals }) => goals.rpo?.met],
  ['rto_goal_seconds', ({ goals }) => goals.rto?.goalSeconds],
  ['rto_met', ({ goals }) => goals.rto?.met],
  ['findings', ({ findings }) => [...new Set(findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code))].join(' ')],
];

/** One row a host (RFC 4180): lines end with CRLF, fields with commas, quotes or line ends stand in quotes. Times are UTC, spans seconds, sizes bytes. */
export function reportCsv({ hosts }: Report): string {
  const rows = [COLUMNS.map(([name]) => name), ...hosts.map((host) => COLUMNS.map(([, cell]) => cell(host)))];
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function field(value: Cell): string {
  const text = value === undefined ? '' : String(value);
  // A cell that begins like this is a formula to a spreadsheet; no name of a host or code begins so.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
