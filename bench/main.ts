import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { about } from './about.ts';
import { Bench } from './bench.ts';
import { JOBS } from './jobs/all.ts';
import { type Job, makeTools } from './jobs/job.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { type Finished, passed, renderJob, toJson } from './report.ts';

/** What most jobs take: the corpus, repositories of five tools twice, and what is restored from them. */
const BYTES_A_MESSAGE = 130_000;

const options = readOptions(process.argv.slice(2));
if (options.help) process.stdout.write(`${USAGE}\njobs: ${JOBS.map(({ name }) => name).join(' ')}\n`);
else process.exitCode = await run(options);

async function run(options: Options): Promise<number> {
  const unknown = options.only.filter((name) => !JOBS.some((job) => job.name === name));
  if (unknown.length > 0) throw new Error(`no such job: ${unknown.join(' ')}`);
  const chosen = JOBS.filter(({ name, onlyNamed }) => (options.only.length > 0 ? options.only.includes(name) : !onlyNamed));
  const { bavail, bsize } = statfsSync(options.directory);
  if (bavail * bsize < options.messages * Math.max(...chosen.map(({ space = BYTES_A_MESSAGE }) => space)))
    throw new Error(`not enough space in ${options.directory}`);
  const scratch = mkdtempSync(join(options.directory, 'mailrecover-bench-'));
  const clean = () => {
    if (!options.keep) rmSync(scratch, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      clean();
      process.exit(130);
    });
  }
  try {
    return await runJobs(new Bench(options, scratch, makeKey(join(scratch, 'identity'))), chosen);
  } finally {
    clean();
  }
}

async function runJobs(bench: Bench, chosen: Job[]): Promise<number> {
  const tools = makeTools(bench.place);
  const facts = about(bench.options, tools);
  process.stdout.write(
    `${Object.entries(facts)
      .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join('; ') : value}`)
      .join('\n')}\n`,
  );
  const done: Finished[] = [];
  let failed = 0;
  for (const { name, title, run } of chosen) {
    bench.say(`${name}: ${title}`);
    try {
      const finished = { name, title, ...(await run(bench, tools)) };
      done.push(finished);
      process.stdout.write(`${renderJob(finished)}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`\n${title}\n  FAIL  ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  const peak = peakMemory(done, tools.ours.name);
  if (peak) {
    done.push(peak);
    process.stdout.write(`${renderJob(peak)}\n`);
  }
  if (bench.options.json) writeFileSync(bench.options.json, toJson({ ...facts, messages: bench.options.messages }, done));
  return failed > 0 || done.some(({ checks }) => !checks.every(passed)) ? 1 : 0;
}

/** The most that mailrecover needed in any of the jobs. */
function peakMemory(done: Finished[], label: string): Finished | undefined {
  const ours = done.flatMap(({ name, series }) =>
    series
      .filter((one) => one.label === label)
      .map(({ samples }) => ({ name, peak: Math.max(...samples.map(({ memory }) => memory)) / 1e6 })),
  );
  if (ours.length === 0) return undefined;
  return {
    name: 'memory',
    title: 'peak memory of all processes of mailrecover together',
    series: [],
    checks: [{ what: 'most in any job', value: Math.max(...ours.map(({ peak }) => peak)), limit: 400, unit: 'MB' }],
    notes: ours.map(({ name, peak }) => `${name}: ${peak.toFixed(0)} MB`),
  };
}

/** Makes an age key pair; gives the public half. */
function makeKey(path: string): string {
  const { status, stderr } = spawnSync('age-keygen', ['-o', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`age-keygen: ${stderr}`);
  return /public key: (age1\S+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
}
