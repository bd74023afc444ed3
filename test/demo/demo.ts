/** `npm run demo`: mail is backed up, changed, lost, restored and proved, by the program itself. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Dovecot, idOf, noDovecot, startDovecot } from '../support/dovecot.ts';
import { isRoot, missing } from '../support/host.ts';
import { countMessages, flatten, imapSnapshots, type MailboxState } from '../support/imap-snapshot.ts';
import { undo } from '../support/leave.ts';
import { expandPattern, type Owner } from '../support/maildir.ts';
import { makeScratch } from '../support/tmp.ts';
import { differences, treeDifferences, type TreeEntry, treeState } from '../support/tree.ts';
import { changeOnDisk, changeOverImap, type Changes } from './change.ts';
import { copiedMail, type DemoMail, madeMail } from './mail.ts';
import { ask, bold, command, CommandFailed, green, print, type Program, red, say, shell, shellIn, step } from './show.ts';

const { values } = parseArgs({
  options: {
    mail: { type: 'string' },
    report: { type: 'string' },
    'no-install': { type: 'boolean' },
    keep: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** Names of files that a mail server makes anew, which are not backed up. */
const REBUILT = /^(dovecot\.index.*|dovecot\.list\.index.*|dovecot-uidlist\.lock)$/;

interface Stage {
  path: string;
  mail: DemoMail;
  owner: Owner | undefined;
  program: Program;
  /** Why there is no real IMAP server, or false. */
  noServer: string | false;
}

/** What was there before the loss, as far as it can be seen here. */
interface Before {
  deleted: Changes['deleted'];
  imap: Record<string, MailboxState> | undefined;
  /** Of each mailbox. */
  trees: Map<string, Map<string, TreeEntry>>;
}

async function main(): Promise<void> {
  const begin = performance.now();
  const scratch = makeScratch('demo');
  try {
    const stage = prepare(scratch.path);
    print(bold('mailrecover: losing mail and getting it back'));
    print(`All of this happens in ${stage.path}${(values.keep ?? false) ? '' : ', which is removed afterwards'}.`);
    await setUp(stage);
    const before = await backUp(stage);
    await lookInside(stage, before.deleted);
    lose(stage);
    const wrong = [...(await restore(stage, before)), ...byHand(stage, before)];
    await prove(stage);
    const snapshots = await ask(stage.program, 'snapshots');
    await report(stage);
    verdict(stage, wrong, begin, snapshots);
  } finally {
    if (values.keep ?? false) print(`\nKept: ${scratch.path}`);
    else await undo(scratch);
  }
}

function prepare(path: string): Stage {
  const noServer = noDovecot();
  const owner = isRoot ? idOf() : undefined;
  const root = join(path, 'vmail');
  mkdirSync(root);
  const from = values.mail === undefined ? undefined : resolve(process.env['MAILRECOVER_DEMO_FROM'] ?? '.', values.mail);
  const mail = from === undefined ? madeMail(root, owner) : copiedMail(from, root, owner);
  return { path, mail, owner, program: { env: { MAILRECOVER_CONFIG: join(path, 'mailrecover.yaml') } }, noServer };
}

async function setUp({ path, mail, program, noServer }: Stage): Promise<void> {
  step('The mail, and a repository for its backups');
  say(`${mail.about}.`);
  say(noServer === false ? 'It is served by a private Dovecot on this host.' : `No IMAP server serves it: that ${noServer}.`);
  say(`MAILRECOVER_CONFIG is ${program.env['MAILRECOVER_CONFIG'] ?? ''}.`);
  await command(
    program,
    'init',
    '--mail',
    join(mail.root, mail.pattern),
    '--repository',
    join(path, 'repository'),
    '--state',
    join(path, 'state'),
  );
}

async function backUp({ mail, program, noServer, owner }: Stage): Promise<Before> {
  step('A first backup, a working day, a second backup');
  await command(program, 'backup');
  let changes: Changes;
  let imap: Before['imap'];
  if (noServer === false) {
    [changes, imap] = await withServer(mail.root, mail, async (server) => [
      await changeOverImap(server, mail.users),
      await imapSnapshots(server, mail.users),
    ]);
    say(`Over IMAP and LMTP: ${changes.done.join(', ')}. Now an IMAP client sees ${countMessages(imap)} messages.`);
  } else {
    const mailboxes = mail.users.map((user) => join(mail.root, expandPattern(mail.pattern, user)));
    changes = changeOnDisk(mail, mailboxes, owner);
    say(`On disk: ${changes.done.join(', ')}.`);
  }
  await command(program, 'backup');
  await command(program, 'snapshots');
  return { deleted: changes.deleted, imap, trees: treesOf(mail, mail.root) };
}

async function lookInside({ program }: Stage, deleted: Before['deleted']): Promise<void> {
  if (deleted === undefined) return;
  step('A message that was deleted that day is found');
  await command(program, 'find', '--mailbox', deleted.user, '--message-id', deleted.messageId);
}

function lose({ mail }: Stage): void {
  step('All mail is lost');
  shell('rm', '-rf', mail.root);
}

async function restore({ path, mail, program }: Stage, before: Before): Promise<string[]> {
  step('And comes back');
  const target = join(path, 'restored');
  await command(program, 'restore', 'latest', '--to', target);
  const wrong = compareTrees(mail, before, target);
  shell('mv', target, mail.root);
  if (before.imap === undefined) return wrong;
  const served = await withServer(mail.root, mail, (server) => imapSnapshots(server, mail.users));
  const wrongInImap = differences(flatten(before.imap), flatten(served));
  say(
    `Over IMAP: ${countMessages(before.imap)} messages compared, with UIDVALIDITY, UIDs, flags, keywords, dates and bytes: ${result(wrongInImap)}.`,
  );
  return [...wrong, ...wrongInImap];
}

/** The script that lies in the repository does it too, with nothing but standard tools. */
function byHand({ path, mail }: Stage, before: Before): string[] {
  step('The same without mailrecover');
  const lacking = missing('age', 'zstd');
  if (lacking !== false) {
    say(`Left out: it ${lacking}.`);
    return [];
  }
  const target = join(path, 'by-hand');
  shellIn(join(path, 'repository'), 'sh', 'recover.sh', '--identity', join(path, 'identity.txt'), '--to', target, 'latest');
  return compareTrees(mail, before, target);
}

/** Compares what lies on disk, and says so; gives what is different. */
function compareTrees(mail: DemoMail, before: Before, target: string): string[] {
  const after = treesOf(mail, target);
  const wrong = [...before.trees].flatMap(([user, tree]) =>
    treeDifferences(tree, after.get(user) ?? new Map()).map((line) => `${user}: ${line}`),
  );
  const entries = [...before.trees.values()].reduce((sum, tree) => sum + tree.size, 0);
  say(`On disk: ${entries} files and directories compared, with bytes, names, times, modes and owners: ${result(wrong)}.`);
  return wrong;
}

/** What lies in each mailbox, without what a mail server makes anew. */
function treesOf(mail: DemoMail, root: string): Map<string, Map<string, TreeEntry>> {
  return new Map(mail.users.map((user) => [user, treeState(join(root, expandPattern(mail.pattern, user)), { without: REBUILT })]));
}

function result(wrong: string[]): string {
  return wrong.length === 0 ? green('the same') : red(`${wrong.length} differences`);
}

async function prove({ program, noServer }: Stage): Promise<void> {
  step('Proof, as it can be had every night');
  await command(program, 'verify', '--level', noServer === false ? 'server' : 'mail');
  await command(program, 'check');
  await command(program, 'status');
}

/** On the screen, and as a page that stays when all else goes. */
async function report({ program }: Stage): Promise<void> {
  step('What its administrator reads in the morning');
  const page = resolve(process.env['MAILRECOVER_DEMO_FROM'] ?? '.', values.report ?? join(tmpdir(), 'mailrecover-demo-report.html'));
  await command(program, 'report', '--all', '--html', page);
  say(`The page stays there when the rest is removed: open ${page} in a browser.`);
}

function verdict({ noServer, mail }: Stage, wrong: string[], begin: number, snapshots: { [field: string]: unknown }): void {
  const count = Array.isArray(snapshots['snapshots']) ? snapshots['snapshots'].length : 0;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  print();
  for (const line of wrong.slice(0, 20)) say(line);
  if (noServer !== false) print(`Left out: the changes and the comparison over IMAP and the level 'server' of verify (${noServer}).`);
  if (wrong.length > 0) {
    print(red(bold(`FAILED: ${wrong.length} differences after the restore.`)));
    process.exitCode = 1;
    return;
  }
  print(
    green(
      bold(
        `PASSED in ${seconds} s: ${counted(mail.users.length, 'mailbox', 'mailboxes')}, ${counted(count, 'snapshot', 'snapshots')}, everything lost, everything back and compared.`,
      ),
    ),
  );
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Serves the mail below `root` for as long as `use` runs. */
async function withServer<T>(root: string, mail: DemoMail, use: (server: Dovecot) => Promise<T>): Promise<T> {
  const server = await startDovecot({ users: mail.users, mail: join(root, mail.pattern), layout: mail.layout });
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

try {
  await main();
} catch (error) {
  print();
  print(red(bold(`FAILED: ${error instanceof CommandFailed ? error.message : error instanceof Error ? error.stack : String(error)}`)));
  process.exitCode = 1;
}
