import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalLine } from '../../src/standby/journal.ts';
import { mailrecover, mailrecoverJson } from '../../test/support/binary.ts';
import { bootPair, noPair, PASSWORD, type Pair } from '../../test/support/pair.ts';
import type { Bench } from '../bench.ts';
import { buildCorpus } from '../corpus.ts';
import type { Sample } from '../measure.ts';
import { median } from '../rounds.ts';
import type { Job, Result } from './job.ts';

const MAILBOXES = 200;
const A_MAILBOX = [
  { name: '', messages: 60 },
  { name: '.Sent', messages: 25 },
  { name: '.Archive', messages: 15 },
];
const MESSAGES = MAILBOXES * A_MAILBOX.reduce((sum, { messages }) => sum + messages, 0);
const USERS = Array.from({ length: MAILBOXES }, (_, index) => `user${index}@example.test`);
/** What the tool may need, from the word of the operator until mail is served again. */
const AIM_S = 10;
const LONG_MS = 600_000;
const PATIENCE_MS = 120_000;
const AGAIN_MS = 50;
const CONNECT_MS = 400;
const ANSWER_MS = 10_000;

/** Seconds since the power was lost. */
interface Round {
  begun: number;
  mail: number;
  login: number;
  done: number;
  /** Seconds of each step. */
  steps: [string, number][];
}

export const failover: Job = {
  name: 'switch',
  title: `a forced switch after a power loss: ${MAILBOXES} mailboxes, ${MESSAGES} messages, virtual IP address`,
  async run(bench) {
    const lacks = noPair();
    if (lacks !== false) return { series: [], checks: [], notes: [`not measured: ${lacks}`] };
    const rounds: Round[] = [];
    for (let round = 0; round < bench.options.runs; round++) rounds.push(await oneRound(bench));
    return shown(rounds);
  },
};

async function oneRound(bench: Bench): Promise<Round> {
  const pair = await bootPair({ users: USERS, room: '1500M' });
  try {
    await buildCorpus(join(pair.mx1.root, 'srv/vmail'), {
      messages: MESSAGES,
      shape: () => USERS.map((address) => ({ user: address.split('@')[0] ?? '', domain: 'example.test', folders: A_MAILBOX })),
    });
    pair.mx1.must('chown', '-R', 'mailrecvm:mailrecvm', '/srv/vmail');
    const config = pair.config();
    const synced = await mailrecoverJson(['--config', config, 'standby', 'sync'], { timeout: LONG_MS });
    bench.say(`  ${synced.counts['added']} messages lie on both hosts`);
    return await measured(pair, config, bench);
  } finally {
    await pair.stop();
  }
}

async function measured(pair: Pair, config: string, bench: Bench): Promise<Round> {
  const from = performance.now();
  const since = (): number => (performance.now() - from) / 1000;
  await pair.powerLoss();
  const end = new AbortController();
  const first = async (attempt: () => Promise<boolean>): Promise<number> => {
    while (!end.signal.aborted && since() * 1000 < PATIENCE_MS) {
      if (await attempt()) return since();
      await sleep(AGAIN_MS);
    }
    return Number.NaN;
  };
  const mail = first(() => talk(pair.addresses.vip, 25, SMTP));
  const login = first(() => talk(pair.addresses.vip, 143, IMAP));
  const begun = since();
  const ran = await mailrecover(
    [
      '--config',
      config,
      'standby',
      'promote',
      '--forced',
      '--yes',
      '--json',
      '--allow-loss',
      'any',
      '--attest',
      'the benchmark cut its power',
    ],
    { timeout: LONG_MS },
  );
  const done = since();
  if (ran.code !== 0) {
    end.abort();
    throw new Error(`the switch ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
  }
  const round = { begun, mail: await mail, login: await login, done, steps: stepsOf(pair.state) };
  bench.say(
    `  first mail after ${round.mail.toFixed(1)} s, first login after ${round.login.toFixed(1)} s, done after ${done.toFixed(1)} s`,
  );
  return round;
}

/** What is said to a server, and how each of its answers must begin. */
type Talk = readonly (readonly [say: string, expect: RegExp])[];

const SMTP: Talk = [
  ['', /^220 /],
  ['EHLO bench.example.net\r\n', /^250 /m],
  ['MAIL FROM:<sender@example.net>\r\n', /^250 /],
  [`RCPT TO:<${USERS[0]}>\r\n`, /^250 /],
  ['DATA\r\n', /^354 /],
  ['Subject: first\r\nMessage-ID: <first@example.net>\r\n\r\nfirst\r\n.\r\n', /^250 /],
];
const IMAP: Talk = [
  ['', /^\* OK /],
  [`a LOGIN ${USERS[0]} "${PASSWORD}"\r\n`, /^a OK /m],
  ['b SELECT INBOX\r\n', /^b OK /m],
];

/** Whether a server says all that it should. */
function talk(host: string, port: number, lines: Talk): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let at = 0;
    let said = '';
    const end = (well: boolean): void => {
      socket.destroy();
      resolve(well);
    };
    socket.setTimeout(CONNECT_MS, () => end(false));
    socket.once('connect', () => socket.setTimeout(ANSWER_MS));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      if (!said.endsWith('\n')) return;
      if (lines[at]?.[1].test(said) !== true) {
        if (/^(?:[45]\d\d |. (?:NO|BAD))/m.test(said)) end(false);
        return;
      }
      said = '';
      at++;
      if (at === lines.length) end(true);
      else socket.write(lines[at]?.[0] ?? '');
    });
  });
}

/** How long each step took, by the journal of the switch. */
function stepsOf(state: string): [string, number][] {
  const folder = join(state, 'standby/switches');
  const lines = readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalLine);
  const begun = new Map<string, number>();
  return lines.flatMap((line): [string, number][] => {
    if (line.event === 'begin') begun.set(line.step, Date.parse(line.time));
    return line.event === 'done' ? [[line.step, (Date.parse(line.time) - (begun.get(line.step) ?? Number.NaN)) / 1000]] : [];
  });
}

function shown(rounds: readonly Round[]): Result {
  const series = (label: string, value: (round: Round) => number): { label: string; samples: Sample[] } => ({
    label,
    samples: rounds.map((round) => ({ wall: value(round), cpu: 0, memory: 0, stdout: '' })),
  });
  const middle = (value: (round: Round) => number): number => median(rounds.map(value));
  const steps = (rounds[0]?.steps ?? []).map(([step]) => {
    const seconds = rounds.map((round) => round.steps.find(([name]) => name === step)?.[1] ?? Number.NaN);
    return `${step} ${median(seconds).toFixed(1)} s`;
  });
  return {
    series: [
      series('power loss to first mail', ({ mail }) => mail),
      series('power loss to first login', ({ login }) => login),
      series('power loss to settled', ({ done }) => done),
    ],
    checks: [
      { what: "the tool's own part, to the first mail", value: middle(({ mail, begun }) => mail - begun), limit: AIM_S, unit: 's' },
      { what: "the tool's own part, to the first login", value: middle(({ login, begun }) => login - begun), limit: AIM_S, unit: 's' },
    ],
    notes: [`steps: ${steps.join(', ')}`],
  };
}
