/** A dead host whose place is taken by a service, and the mailboxes that are filled there: real Postfix, Dovecot and named behind stand-ins of Graph and Google. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Imap } from '../support/imap.ts';
import type { Document } from '../support/binary.ts';
import { ALICE, BOB, CAROL, cloudSetting, type CloudSetting, skipCloud } from './cloud-setting.ts';

const FORCED = ['standby', 'promote', '--forced', '--attest', 'the test never had such a host', '--allow-loss', 'any', '--to'];

/** What is said of it, with what helps. */
function messages({ findings, error }: Document & { error?: { message: string; hint?: string } }, severity = 'error'): string {
  const all = [...findings, ...(error === undefined ? [] : [{ ...error, severity: 'error' }])];
  return all
    .filter((finding) => finding.severity === severity)
    .map(({ message, hint = '' }) => `${message} (${hint})`)
    .join('\n');
}

if (skipCloud === false) await service();
else test('a service in place of a dead host', { skip: skipCloud }, () => undefined);

async function service(): Promise<void> {
  const here: CloudSetting = await cloudSetting();
  for (let age = 1; age <= 6; age++) here.deliver(ALICE, 'INBOX', `inbox-${age}`, age);
  here.deliver(ALICE, 'Projects.Old', 'project', 200);
  here.deliver(ALICE, 'INBOX', 'ancient', 2000);
  here.deliver(BOB, 'INBOX', 'for-bob', 3);
  here.empty(ALICE, 'Drafts');
  here.deliver(CAROL, 'INBOX', 'for-carol', 3);
  await here.backup();

  test('who has no mailbox there stands in its way, and nothing is changed', async () => {
    here.microsoft.options.roles = ['IMAP.AccessAsApp'];
    const denied = await here.json([...FORCED, 'm365', '--allow-missing', '2', '--dry-run'], { expect: 20 });
    assert.match(messages(denied), /may not read who has a mailbox.*User\.Read\.All/);
    here.microsoft.options.roles = ['User.Read.All', 'IMAP.AccessAsApp'];
    // The token that was kept does not know of it yet.
    const dry = await here.json([...FORCED, 'm365', '--dry-run'], { expect: 20 });
    assert.match(
      messages(dry),
      /^no mail would reach 2 of the accounts at 'm365': bob@example.test has no Exchange plan; carol@example.test has an Exchange plan that is suspended .*--allow-missing 2/,
    );
    const plan = dry['plan'] as { id: string; lines: string[] }[];
    assert.deepEqual(
      plan.map(({ id }) => id),
      ['claim', 'recipients', 'fence', 'loss', 'serve', 'dns:test', 'proof', 'settle'],
    );
    assert.match(plan.at(-1)?.lines.join('\n') ?? '', /standby fill m365.*10 messages .* of 3 mailboxes: about 2 minutes/);
    // The SMTP server of a host without a directory is asked itself, and knows alice and bob.
    const hosted = await here.json([...FORCED, 'hosted', '--dry-run'], { expect: 20 });
    assert.match(messages(hosted), /^no mail would reach 1 of the accounts at 'hosted': carol@example.test is refused: 550 5\.1\.1/);
    const workspace = await here.json([...FORCED, 'workspace', '--dry-run'], { expect: 20 });
    assert.match(messages(workspace), /^no mail would reach 1 of the accounts at 'workspace': carol@example.test is suspended/);
    assert.match(messages(await here.json([...FORCED, 'nowhere', '--dry-run'], { expect: 2 })), /no host or service 'nowhere'.*m365/);
    assert.ok(!existsSync(join(here.root, 'repository/epochs')));
  });

  test('where scaling up fails nothing is switched; then it is, and the message comes out there', async () => {
    const scale = join(here.root, 'scale');
    const log = join(here.root, 'scaled');
    writeFileSync(scale, `#!/bin/sh\necho "$@" >>${log}\ntest ! -e ${log}.fail || { rm ${log}.fail; exit 1; }\necho "now $1"\n`, {
      mode: 0o755,
    });
    here.configure(undefined, (part) => (part['capacity'] = { up: [scale, 'up', '{host}'], down: [scale, 'down', '{host}'] }));
    writeFileSync(`${log}.fail`, '');
    const args = [...FORCED, 'm365', '--allow-missing', '2', '--yes'];
    const stopped = await here.json(args, { expect: 1 });
    assert.equal(stopped['switch'], 'rolled-back');
    assert.match(messages(stopped), /scale m365 up: .*failed with exit code 1/);
    assert.deepEqual(await here.dns('example.test', 'MX'), ['mx1.example.test']);
    assert.equal(readFileSync(log, 'utf8'), 'up m365\ndown m365\n');

    const ran = await here.run([...args, '--json']);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const { switch: result, evidence } = ran.json();
    assert.equal(result, 'switched');
    const { recipients, capacity, proof } = evidence as Record<string, string[]>;
    assert.match(
      recipients?.join('\n') ?? '',
      /1 of 3 accounts have a mailbox at m365: the directory of m365 has 3 users\nwithout, as was approved: bob/,
    );
    assert.match(capacity?.join('\n') ?? '', /now up/);
    assert.match(proof?.join('\n') ?? '', /took a message for alice@example.test over SMTP/);
    assert.deepEqual(await here.dns('example.test', 'MX'), ['m365.cloud.test']);
    assert.deepEqual(await here.dns('example.test', 'TXT'), ['v=spf1 include:spf.cloud.test -all']);
    assert.deepEqual(await here.dns('imap.example.test', 'CNAME'), ['imap.cloud.test']);
    assert.deepEqual(await here.dns('autodiscover.example.test', 'CNAME'), ['autodiscover.cloud.test']);

    const status = await here.json(['standby', 'status']);
    assert.deepEqual([status['active'], status['epoch']], ['m365', 2]);
    assert.match(messages(await here.json(['standby', 'sync'], { expect: 20 })), /'m365' serves.*promote --planned --to mx1/);
    assert.equal((await here.json(args))['switch'], 'nothing-changed');
    assert.match(
      messages(await here.json([...FORCED, 'hosted', '--yes'], { expect: 20 })),
      /'m365' serves, and 'hosted' is a service, too/,
    );
    for (const secret of ['Very~Secret.Value', 'eyJ']) assert.ok(!ran.stdout.includes(secret), secret);
  });

  test('filled newest first within the limit of a day, and what was moved or deleted there stays so', async () => {
    here.configure('m365', (part) => (part['limits'] = { day: '700', atOnce: 1 }));
    const first = await here.json(['standby', 'fill', 'm365', '--yes']);
    const newest = ['inbox-3', 'inbox-2', 'inbox-1'];
    assert.deepEqual((await here.subjects(ALICE)).slice(1), newest, 'after the message that proved the switch');
    assert.deepEqual([first.counts['added'], first.counts['left'], first.counts['mailboxes']], [3, 5, 1]);
    assert.ok(Date.parse(String(first['again'])) > Date.now());
    assert.match(messages(first, 'warning'), /2 mailboxes of the snapshot are not at 'm365'/);

    const client = await Imap.login(here.exchange.dovecot, ALICE);
    await client.select('INBOX');
    await client.expunge('2');
    await client.create('Kept');
    await client.move('3', 'Kept');
    await client.close();
    here.configure('m365', (part) => (part['limits'] = { day: '1G' }));
    // It is killed as it writes down what it has put there: nobody knows whether that arrived.
    const killed = await here.run(['standby', 'fill', 'm365', '--yes'], {
      plans: [{ do: 'kill', at: 2, kinds: ['write'], under: [join(here.state, 'standby/fill')], counter: join(here.root, 'counter') }],
    });
    assert.equal(killed.signal, 'SIGKILL', killed.stdout + killed.stderr);
    await here.json(['standby', 'fill', 'm365', '--yes']);
    assert.deepEqual((await here.subjects(ALICE)).slice(1).toSorted(), ['ancient', 'inbox-1', 'inbox-4', 'inbox-5', 'inbox-6']);
    assert.deepEqual(await here.subjects(ALICE, 'Kept'), ['inbox-2']);
    assert.deepEqual(await here.subjects(ALICE, 'Projects/Old'), ['project']);
    const again = await here.json(['standby', 'fill', 'm365', '--yes']);
    assert.deepEqual([again.counts['added'], again.counts['left'], again['again']], [0, 0, null]);
  });

  test('a host with one password for all: those that can not be logged in to are named, large messages stay behind', async () => {
    here.deliver(BOB, 'INBOX', 'large', 1, 60_000);
    await here.backup();
    here.configure('hosted', (part) => (part['limits'] = { message: '50K' }));
    const filled = await here.json(['standby', 'fill', 'hosted', '--yes'], { expect: 3 });
    assert.match(messages(filled), /^'carol@example.test' was not filled: /);
    assert.match(messages(filled, 'warning'), /messages of 'bob@example.test' that are larger than the 0.05 MB/);
    // Alice's mailbox is the same as that of the tenant: what her client deleted or moved away is not known here.
    assert.deepEqual([filled.counts['added'], filled.counts['failed'], filled.counts['tooLarge']], [3, 1, 1]);
    assert.deepEqual(await here.subjects(BOB), ['for-bob']);
  });

  test('a domain at Google: over IMAP with a token for each mailbox, and by import, where it is asked to wait', async () => {
    // Over IMAP all is there already; robert is bob, and has no mailbox by that name at the mail server.
    const plain = await here.json(['standby', 'fill', 'workspace', '--yes', '--mailbox', ALICE]);
    assert.deepEqual([plain.counts['added'], plain.counts['failed']], [0, 0]);
    here.configure('workspace', (part) => (part['fill'] = 'gmail'));
    here.configure('workspace', (part) => (part['name'] = 'gmail'));
    here.google.faults.push({
      at: /messages\/import$/,
      does: {
        status: 429,
        headers: { 'retry-after': '1' },
        body: { error: { code: 429, message: 'Too many', errors: [{ reason: 'rateLimitExceeded' }] } },
      },
    });
    const filled = await here.json(['standby', 'fill', 'gmail', '--yes']);
    assert.deepEqual([filled.counts['added'], filled.counts['failed'], filled.counts['mailboxes']], [10, 0, 2]);
    const box = here.google.boxes.boxes.get('robert@example.test');
    assert.deepEqual(
      box?.messages.map(({ labelIds, raw }) => [labelIds, /^Subject: (.*)$/m.exec(raw)?.[1]?.trim()]),
      [
        [['INBOX'], 'for-bob'],
        [['INBOX'], 'large'],
      ],
    );
    const alice = here.google.boxes.boxes.get(ALICE);
    assert.equal(alice?.messages.length, 8);
    for (const label of ['Projects/Old', 'Drafts (mail)']) assert.ok([...(alice?.labels.values() ?? [])].includes(label), label);
    // Without what was written down Google itself is asked.
    here.configure('gmail', (part) => (part['name'] = 'again'));
    const again = await here.json(['standby', 'fill', 'again', '--yes']);
    assert.equal(again.counts['added'], 0);
    assert.equal(alice?.messages.length, 8);
  });
}
