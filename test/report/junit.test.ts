import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { reportJunit } from '../../src/report/report/junit.ts';
import { missing } from '../support/host.ts';
import { finding, host, OLD, report, SILENT } from './sample.ts';

const SCHEMA = join(import.meta.dirname, 'junit.xsd');

/** What is wrong with a document by the schema; empty where nothing is. */
function problems(document: string): string {
  const { status, stderr } = spawnSync('xmllint', ['--nonet', '--noout', '--schema', SCHEMA, '-'], { input: document, encoding: 'utf8' });
  return status === 0 ? '' : stderr;
}

test('JUnit XML keeps to the schema, whatever hosts and messages are like', { skip: missing('xmllint') }, () => {
  const evil = finding('error', 'damage', `"<&>'\u0000\uFFFE\uD800 ]]> \u202E日本語`, 'a\nb');
  const proof = { snapshot: 'ab', level: 'server', time: '2026-11-21T03:30:00.000Z', ageSeconds: 1, by: 'mx1', seconds: 65.25 };
  const reports = [
    report([]),
    report([host('mx1')]),
    report([host('mx1', [], { wholeProof: proof }), host('mx2', [OLD]), host('mx3', [SILENT], { silent: true, backup: undefined })], [OLD]),
    report([host('<&">', [evil, evil, OLD])], [evil]),
  ];
  for (const each of reports) assert.equal(problems(reportJunit(each)), '');
});

test('the schema is strict enough to tell', { skip: missing('xmllint') }, () => {
  const good = reportJunit(report([host('mx1', [SILENT])]));
  for (const [from, to] of [
    [/ timestamp="[^"]*"/, ' timestamp="yesterday"'],
    [/ hostname="[^"]*"/, ''],
    [/ failures="\d+"/, ' failures="-1"'],
    [/<failure /, '<failed '],
    [/ time="0"/, ' time="0s"'],
  ] as const)
    assert.notEqual(problems(good.replace(from, to)), '', String(from));
});
