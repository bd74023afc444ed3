/** The recovery sheet: what a person prints and keeps away from the host, to get mail back when the host is gone. */
import { createHash } from 'node:crypto';
import { fetchCommands } from './targets/location.ts';

const PREFIX = 'AGE-SECRET-KEY-1';
/** Where the sheet has a remote repository fetched to. */
const COPY = '/srv/copy';
/** Characters of a group, and groups in a row. */
const GROUP = 4;
const IN_ROW = 4;

export interface SheetFacts {
  /** UTC, ISO 8601. */
  made: string;
  host: string;
  /** Where the repository lies, and its id. */
  repository: { location: string; id: string };
  /** Ed25519 public key of the host, 64 hex digits. */
  hostKey: string;
  /** SHA-256 of recover.sh, 64 hex digits. */
  recoverScript: string;
  encrypted: boolean;
  recipients: readonly string[];
  /** `AGE-SECRET-KEY-1…`, where it was made here and is to stand on the sheet. */
  secret?: string;
  /** Where the private key lies on this host, where it was made here. */
  identityFile?: string;
}

/** The part of a private key behind `AGE-SECRET-KEY-1`, in groups that are easy to type. */
export function keyGroups(secret: string): string[] {
  return secret.slice(PREFIX.length).match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? [];
}

/** Two characters that go wrong when a row is mistyped. */
function rowCheck(row: string): string {
  return createHash('sha256').update(row).digest('hex').slice(0, 2).toUpperCase();
}

function spaced(hex: string): string {
  return (hex.match(/.{1,8}/g) ?? []).join(' ');
}

function keyRows(secret: string): string[] {
  const groups = keyGroups(secret);
  const lines: string[] = [];
  for (let at = 0; at < groups.length; at += IN_ROW) {
    const row = groups.slice(at, at + IN_ROW);
    const last = at + row.length;
    lines.push(
      `    groups ${String(at + 1).padStart(2)}-${String(last).padEnd(2)}   ${row.join('  ').padEnd(IN_ROW * (GROUP + 2))}  check ${rowCheck(row.join(''))}`,
    );
  }
  return lines;
}

function keyLines(facts: SheetFacts): string[] {
  if (!facts.encrypted) return ['PRIVATE KEY   none: this repository is not encrypted'];
  if (facts.secret !== undefined) {
    return [
      'PRIVATE KEY   reads all mail in the repository; whoever has it and the repository has the mail',
      `    ${facts.secret}`,
      '  the same in groups, behind AGE-SECRET-KEY-1, each row with two characters to check it by:',
      ...keyRows(facts.secret),
    ];
  }
  if (facts.identityFile !== undefined)
    return [`PRIVATE KEY   in ${facts.identityFile}, wrapped in its passphrase; copy that file, and note the passphrase`];
  return [
    'PRIVATE KEY   kept elsewhere by whoever gave the recipient; note here where:',
    '',
    '    ______________________________________________________________',
  ];
}

/** Numbered steps, each with the commands that make it. */
function steps(all: readonly (readonly string[])[]): string[] {
  return all.flatMap(([says, ...commands], index) => [`  ${index + 1}. ${says}`, ...commands.map((command) => `        ${command}`)]);
}

/** The sheet as plain text, 100 columns wide at most but for paths. */
export function recoverySheet(facts: SheetFacts): string {
  const { repository, host } = facts;
  const identity = facts.encrypted ? ' --identity key.txt' : '';
  const fetch = fetchCommands(repository.location, COPY);
  const directory = fetch.length === 0 ? 'the repository' : 'the copy';
  const there = fetch.length === 0 ? repository.location : '.';
  const lines = [
    `MAILRECOVER RECOVERY SHEET   ${host}   ${facts.made}`,
    `Print this${facts.secret === undefined && facts.identityFile === undefined ? ' and keep it away from the host' : ', keep it away from the host, and confirm it: mailrecover key confirm'}`,
    '',
    `REPOSITORY    ${repository.location}`,
    `              id ${repository.id}`,
    '',
    ...keyLines(facts),
    ...(facts.recipients.length === 0
      ? []
      : ['', 'RECIPIENTS    (public keys, no secret)', ...facts.recipients.map((recipient) => `    ${recipient}`)]),
    '',
    `SIGNING KEY   of ${host} (public, no secret): every snapshot of it is signed by this key`,
    `    ${spaced(facts.hostKey)}`,
    '',
    'RECOVER.SH    SHA-256 of the script in the repository; do not run one with another hash',
    `    ${spaced(facts.recoverScript)}`,
    '',
    'TO GET MAIL BACK, on any host',
    ...(facts.encrypted ? ['  First write the private key into a file key.txt, in one line, and: chmod 600 key.txt'] : []),
    ...steps([
      ...(fetch.length === 0
        ? []
        : [['fetch a copy of the repository (mailrecover itself needs none: --repository as above)', ...fetch, `cd ${COPY}`]]),
      [`is the script the right one?   in the directory of ${directory}:`, 'sha256sum recover.sh'],
      ['what is there?', `mailrecover snapshots --repository ${there}`],
      ['restore the newest snapshot', `mailrecover restore latest --repository ${there} --host ${host}${identity} --to /srv/restore`],
      [
        `the same without mailrecover   in the directory of ${directory}:`,
        `sh recover.sh --host ${host}${identity} --to /srv/restore latest`,
      ],
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
