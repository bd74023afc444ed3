import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { notBuilt } from '../../support/binary.ts';
import { scratch } from '../../support/tmp.ts';
import { deliver, expunge, maildirOf, makePlace, pathOf, textOf, type Letter, type Place } from './fixture.ts';

const ANN = 'ann@a.example';
const BOB = 'bob@b.example';

const LETTERS: Letter[] = [
  {
    mailbox: ANN,
    base: '1780000001.M1P1.mx1',
    flags: ':2,S',
    subject: 'Invoice 17',
    from: 'Shop <sales@shop.example>',
    messageId: 'one@shop.example',
    date: 'Thu, 19 Nov 2026 10:00:00 +0900',
  },
  {
    mailbox: ANN,
    base: '1780000002.M2P1.mx1',
    flags: ':2,',
    subject: '=?UTF-8?B?6KuL5rGC5pu4?= Ｎｏ．５',
    from: '"Müller, Jörg" <jm@post.example>',
    messageId: 'two@post.example',
  },
  {
    mailbox: ANN,
    folder: '.Projects.A',
    base: '1780000003.M3P1.mx1',
    flags: ':2,FSa',
    subject: 'plan',
    messageId: 'three@x.example',
    date: 'Fri, 20 Nov 2026 10:00:00 +0000',
  },
  {
    mailbox: ANN,
    folder: '.Sent',
    base: '1780000004.M4P1.mx1',
    flags: ':2,S',
    subject: 'no date',
    to: 'someone@else.example',
    messageId: 'four@a.example',
    date: '',
  },
  {
    mailbox: BOB,
    base: '1780000005.M5P1.mx1',
    flags: ':2,',
    subject: 'From the start',
    messageId: 'five@b.example',
    body: 'From here\n>From there\n>>From everywhere\nnot From inside\nthe end without a line feed',
  },
];

function letter(number: number): Letter {
  const found = LETTERS[number];
  assert.ok(found !== undefined);
  return found;
}

interface Row {
  message: string;
  mailbox: string;
  folder: string;
  snapshot: string;
  [field: string]: unknown;
}

/** By their text, where order says nothing. */
function inOrder<T>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
}

function rows(document: Record<string, unknown>, field: string): Row[] {
  return document[field] as Row[];
}

describe('looking into snapshots', { skip: notBuilt(), timeout: 300_000 }, () => {
  const root = scratch('look');
  let place: Place;
  let first: string;
  let second: string;
  let third: string;

  before(async () => {
    place = await makePlace(root);
    for (const each of LETTERS) deliver(place, each);
    writeFileSync(join(maildirOf(place, ANN), '.Projects.A', 'dovecot-keywords'), '0 urgent\n');
    first = await place.backup();
    // Moved, flagged, expunged, delivered.
    renameSync(pathOf(place, letter(0)), pathOf(place, { ...letter(0), folder: '.Sent' }));
    renameSync(pathOf(place, letter(1)), pathOf(place, { ...letter(1), flags: ':2,S' }));
    expunge(place, letter(2));
    deliver(place, { mailbox: BOB, base: '1780000006.M6P1.mx1', subject: 'fresh' });
    second = await place.backup();
    expunge(place, letter(3));
    third = await place.backup();
  });

  test('snapshots lists them, oldest first', async () => {
    const document = await place.json(['snapshots']);
    const list = rows(document, 'snapshots');
    assert.deepEqual(
      list.map(({ id }) => id),
      [first, second, third],
    );
    assert.deepEqual(
      list.map(({ messages }) => messages),
      [5, 5, 4],
    );
    for (const each of list) assert.deepEqual(Object.keys(each), ['id', 'time', 'host', 'outcome', 'messages', 'bytes', 'bytesStored']);
    const shown = await place.run(['snapshots', '--limit', '1']);
    assert.match(shown.stdout, new RegExp(third.slice(0, 12)));
    assert.doesNotMatch(shown.stdout, new RegExp(first.slice(0, 12)));
    assert.match((await place.run(['snapshots', '--host', 'mx9'])).stderr, /there is no snapshot of host 'mx9', only of: mx1/);
  });

  test('ls lists mailboxes, folders and messages', async () => {
    const { mailboxes } = await place.json(['ls', first]);
    assert.deepEqual(
      (mailboxes as Row[]).map(({ mailbox, folders, messages }) => [mailbox, folders, messages]),
      [
        [ANN, 3, 4],
        [BOB, 1, 1],
      ],
    );
    const { folders } = await place.json(['ls', 'latest~2', ANN]);
    assert.deepEqual(
      (folders as Row[]).map(({ folder, messages }) => [folder, messages]),
      [
        ['INBOX', 2],
        ['Projects.A', 1],
        ['Sent', 1],
      ],
    );
    const list = rows(await place.json(['ls', first, ANN, '--folder', 'Projects/A']), 'messages');
    assert.equal(list.length, 1);
    assert.deepEqual(list[0]?.['flags'], ['\\Flagged', '\\Seen', 'urgent']);
    assert.equal(list[0]?.['file'], '1780000003.M3P1.mx1:2,FSa');
    assert.equal(list[0]?.['size'], textOf(letter(2)).length);
    assert.match(String(list[0]?.['date']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const wrong = await place.run(['ls', first, 'anna@a.example']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /did you mean 'ann@a.example'/);
    assert.equal((await place.run(['ls', first, ANN, '--folder', 'Nope'])).code, 2);
    assert.equal((await place.run(['ls', first, '--folder', 'INBOX'])).code, 2);
  });

  test('find finds by every header, over all snapshots', async () => {
    const find = async (...args: string[]): Promise<Row[]> => rows(await place.json(['find', ...args]), 'matches');
    const subjects = async (...args: string[]): Promise<unknown[]> => (await find(...args)).map(({ subject }) => subject);
    const [invoice, ...others] = await find('--subject', 'INVOICE');
    assert.deepEqual(others, []);
    assert.ok(invoice !== undefined);
    assert.deepEqual(
      { ...invoice, message: '' },
      {
        snapshot: third,
        host: 'mx1',
        mailbox: ANN,
        folder: 'Sent',
        message: '',
        messageId: '<one@shop.example>',
        from: 'Shop <sales@shop.example>',
        subject: 'Invoice 17',
        date: '2026-11-19T01:00:00.000Z',
      },
    );
    assert.deepEqual(await subjects('--subject', '請求書'), ['請求書 Ｎｏ．５']);
    assert.deepEqual(await subjects('--subject', 'no.5'), ['請求書 Ｎｏ．５']);
    assert.deepEqual(await subjects('--from', 'müller'), ['請求書 Ｎｏ．５']);
    assert.deepEqual(await subjects('--to', 'ELSE.example'), ['no date']);
    for (const id of ['<three@x.example>', 'three@x.example', 'THREE@x.example'])
      assert.deepEqual(await subjects('--message-id', id), ['plan']);
    assert.deepEqual(await subjects('--message-id', 'hree@x.example'), []);
    assert.deepEqual(await subjects('--subject', 'plan', '--from', 'shop'), []);
    assert.equal((await find('--mailbox', BOB)).length, 2);
    assert.equal((await find('--mailbox', '*@b.example', '--mailbox', ANN)).length, 6);
    assert.match((await place.run(['find', '--mailbox', 'bob'])).stderr, /no snapshot holds a mailbox 'bob'/);
    assert.equal((await find('--snapshot', first)).length, 5);
    assert.match((await place.run(['find', '--host', 'mx9'])).stderr, /there is no snapshot of host 'mx9'/);
    // The day ends at midnight in local time, which is UTC here.
    assert.deepEqual(await subjects('--since', '2026-11-20', '--until', '2026-11-20', '--subject', 'plan'), ['plan']);
    assert.deepEqual(await subjects('--since', '2026-11-20 10:01', '--subject', 'plan'), []);
    const limited = await place.json(['find', '--limit', '2']);
    assert.equal(rows(limited, 'matches').length, 2);
    assert.equal(limited.counts['matches'], 6);
    assert.equal((await place.run(['find', '--since', 'tomorrow'])).code, 2);
  });

  test('find tells what was deleted, and since when', async () => {
    const find = async (...args: string[]): Promise<unknown[][]> =>
      rows(await place.json(['find', ...args]), 'matches').map((row) => [row['subject'], row.snapshot, row['deletedAfter']]);
    const times = rows(await place.json(['snapshots']), 'snapshots').map(({ time }) => String(time));
    const both = [
      ['plan', first, first],
      ['no date', second, second],
    ];
    assert.deepEqual(inOrder(await find('--deleted-since', '2000-01-01')), inOrder(both));
    assert.deepEqual(inOrder(await find('--deleted-since', times[0] ?? '')), inOrder(both));
    assert.deepEqual(await find('--deleted-since', times[1] ?? ''), [['no date', second, second]]);
    assert.deepEqual(await find('--deleted-since', times[2] ?? ''), []);
    // What was moved is not gone.
    assert.deepEqual(await find('--subject', 'invoice'), [['Invoice 17', third, undefined]]);
  });

  test('the index is readable by its user alone, and of use only with an identity', async () => {
    await place.json(['find']);
    const [id = ''] = readdirSync(place.state).filter((name) => /^[0-9a-f]{32}$/.test(name));
    const directory = join(place.state, id, 'find');
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
    assert.equal((await place.run(['find'], { env: { MAILRECOVER_IDENTITY: '' } })).code, 12);
    const other = await makePlace(scratch('other'));
    assert.equal((await place.run(['find', '--identity', other.identity])).code, 12);
  });

  test('two searches at once both find everything', async () => {
    const [id = ''] = readdirSync(place.state).filter((name) => /^[0-9a-f]{32}$/.test(name));
    rmSync(join(place.state, id, 'find'), { recursive: true, force: true });
    const found = await Promise.all([1, 2, 3].map(() => place.json(['find'])));
    for (const document of found) assert.equal(rows(document, 'matches').length, 6);
  });

  test('cat prints the very bytes, and writes it down', async () => {
    const text = textOf(letter(2));
    const [match] = rows(await place.json(['find', '--subject', 'plan']), 'matches');
    assert.ok(match !== undefined);
    const { message } = match;
    assert.match(message, /^ann@a\.example\/[0-9a-f]{16}-[0-9a-f]{6}$/);
    const short = message.slice(message.indexOf('/') + 1);
    for (const id of [
      message,
      short,
      short.split('-', 1)[0] ?? '',
      `${ANN}/${short.slice(0, 8)}`,
      '1780000003.M3P1.mx1',
      '<three@x.example>',
    ]) {
      const ran = await place.run(['cat', first, id]);
      assert.equal(ran.code, 0, `${id}: ${ran.stderr}`);
      assert.equal(ran.stdout, text, id);
    }
    // The same bytes under an id of before they were moved.
    const before = rows(await place.json(['find', '--snapshot', first, '--subject', 'invoice']), 'matches')[0]?.message ?? '';
    assert.equal((await place.run(['cat', third, before])).stdout, textOf(letter(0)));
    const document = await place.json(['cat', first, message]);
    assert.equal(Buffer.from(String(document['content']), 'base64').toString(), text);
    assert.deepEqual(Object.keys(document['message'] as object), ['mailbox', 'folder', 'sha256', 'size']);
    assert.equal((await place.run(['cat', third, message])).code, 2);
    assert.equal((await place.run(['cat', first, '<nobody@x.example>'])).code, 2);
    assert.equal((await place.run(['cat', first, message], { env: { MAILRECOVER_IDENTITY: '' } })).code, 12);
    const log = readFileSync(join(place.state, 'audit.jsonl'), 'utf8').trim().split('\n');
    const last = JSON.parse(log.at(-1) ?? '') as Record<string, unknown>;
    assert.deepEqual([last['command'], last['mailbox'], last['snapshot'], last['uid']], ['cat', ANN, first, process.getuid?.()]);
    assert.equal(statSync(join(place.state, 'audit.jsonl')).mode & 0o777, 0o600);
  });

  test('restore takes the ids of find', async () => {
    const [match] = rows(await place.json(['find', '--subject', 'plan']), 'matches');
    const to = join(scratch('to'), 'restored');
    const document = await place.json(['restore', first, '--message', match?.message ?? '', '--to', to]);
    assert.equal(document.counts['messages'], 1);
    assert.equal(readFileSync(join(to, 'a.example/ann/Maildir/.Projects.A/cur/1780000003.M3P1.mx1:2,FSa'), 'utf8'), textOf(letter(2)));
  });

  test('diff tells what came, went, moved and changed', async () => {
    const document = await place.json(['diff', first, 'latest']);
    assert.deepEqual(document.counts, { added: 1, removed: 2, moved: 1, flags: 1, content: 0, system: 0 });
    const changes = rows(document, 'changes').map((row) => [
      row['change'],
      row.mailbox,
      row.folder,
      row['subject'],
      row['movedFrom'],
      row['flags'],
    ]);
    assert.deepEqual(inOrder(changes), [
      ['added', BOB, 'INBOX', 'fresh', undefined, undefined],
      ['flags', ANN, 'INBOX', '請求書 Ｎｏ．５', undefined, { from: [], to: ['\\Seen'] }],
      ['moved', ANN, 'Sent', 'Invoice 17', 'INBOX', undefined],
      ['removed', ANN, 'Projects.A', 'plan', undefined, undefined],
      ['removed', ANN, 'Sent', 'no date', undefined, undefined],
    ]);
    // Backwards, by mailbox, and not at all.
    assert.deepEqual((await place.json(['diff', third, first])).counts, {
      added: 2,
      removed: 1,
      moved: 1,
      flags: 1,
      content: 0,
      system: 0,
    });
    assert.deepEqual((await place.json(['diff', first, third, '--mailbox', BOB])).counts, {
      added: 1,
      removed: 0,
      moved: 0,
      flags: 0,
      content: 0,
      system: 0,
    });
    assert.deepEqual(rows(await place.json(['diff', third, third]), 'changes'), []);
    const shown = await place.run(['diff', first, third]);
    assert.match(shown.stdout, /> INBOX → Sent .*Invoice 17/);
    assert.match(shown.stdout, /1 added, 2 removed, 1 moved, 1 with other flags/);
  });

  test('export writes mbox that reads back', async () => {
    const to = join(scratch('to'), 'mail');
    const document = await place.json(['export', first, '--to', to]);
    assert.deepEqual(document.counts, {
      mailboxes: 2,
      messages: 5,
      bytes: LETTERS.reduce((sum, each) => sum + Buffer.byteLength(textOf(each)), 0),
    });
    assert.deepEqual(readdirSync(join(to, ANN)).sort(), ['INBOX.mbox', 'Projects.A.mbox', 'Sent.mbox']);
    const text = readFileSync(join(to, BOB, 'INBOX.mbox'), 'utf8');
    assert.match(text, /^From sender@example\.net \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n/);
    const plain = text
      .slice(text.indexOf('\n') + 1)
      .replace(/^>(>*From )/gm, '$1')
      .replace(/\n$/, '');
    assert.equal(plain, textOf(letter(4)));
    assert.equal((await place.run(['export', first, '--to', to])).code, 20);
    assert.equal((await place.run(['export', first])).code, 2);
    assert.equal((await place.run(['export', first, '--to', join(to, 'x'), '--mailbox', 'nobody@a.example'])).code, 2);
  });

  test('export writes eml, maildir and tar', async () => {
    const root = scratch('to');
    await place.json(['export', first, '--format', 'eml', '--to', join(root, 'eml'), '--mailbox', ANN, '--folder', 'INBOX']);
    const files = readdirSync(join(root, 'eml', ANN, 'INBOX'));
    assert.deepEqual(
      files.map((name) => readFileSync(join(root, 'eml', ANN, 'INBOX', name), 'utf8')).sort(),
      [letter(0), letter(1)].map(textOf).sort(),
    );

    await place.json(['export', first, '--format', 'maildir', '--to', join(root, 'maildir')]);
    const path = join(root, 'maildir', ANN, '.Projects.A', 'cur', '1780000003.M3P1.mx1:2,FSa');
    assert.equal(readFileSync(path, 'utf8'), textOf(letter(2)));
    assert.ok(existsSync(join(root, 'maildir', ANN, '.Projects.A', 'tmp')));

    const archive = join(root, 'mail.tar');
    await place.json(['export', first, '--format', 'tar', '--to', archive]);
    const streamed = await place.run(['export', first, '--format', 'tar', '--to', '-']);
    assert.equal(streamed.code, 0);
    assert.ok(streamed.stdoutBytes.equals(readFileSync(archive)));
    const { list } = await import('tar');
    const sizes = new Map<string, number>();
    await list({ file: archive, onReadEntry: (entry) => sizes.set(entry.path, entry.size) });
    assert.deepEqual(inOrder([...sizes.values()]), inOrder(LETTERS.map((each) => Buffer.byteLength(textOf(each)))));
    assert.equal((await place.run(['export', first, '--format', 'tar', '--to', archive])).code, 20);
    assert.equal((await place.run(['export', first, '--format', 'tar', '--to', '-', '--json'])).code, 2);
  });
});

describe('looking into odd snapshots', { skip: notBuilt(), timeout: 300_000 }, () => {
  test('a repository in clear needs no identity', async () => {
    const place = await makePlace(scratch('clear'), { encrypted: false });
    deliver(place, letter(0));
    await place.backup();
    assert.equal(rows(await place.json(['find', '--subject', 'invoice']), 'matches').length, 1);
    assert.equal((await place.run(['cat', 'latest', '<one@shop.example>'])).stdout, textOf(letter(0)));
  });

  test('a repository is read without a configuration', async () => {
    const place = await makePlace(scratch('bare'));
    deliver(place, letter(0));
    await place.backup();
    const root = scratch('elsewhere');
    const options = { env: { MAILRECOVER_CONFIG: join(root, 'none.yaml'), HOME: root, XDG_CACHE_HOME: '' } };
    const args = ['--repository', place.repository, '--identity', place.identity, '--host', 'mx1'];
    // Another host has no key to compare with, and says so.
    const listed = await place.json(['ls', 'latest', ...args], options);
    assert.equal(listed.outcome, 'warning');
    assert.equal(listed.findings[0]?.code, 'unconfirmed-key');
    const other = await place.run(['ls', 'latest', '--repository', place.repository, '--identity', place.identity], options);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /--host mx1/);
  });

  test('damage is named, and the rest comes out', async () => {
    const place = await makePlace(scratch('damaged'));
    deliver(place, letter(0));
    const kept = await place.backup();
    deliver(place, letter(1));
    await place.backup();
    const packs = (): string[] =>
      readdirSync(join(place.repository, 'packs'), { recursive: true, withFileTypes: true })
        .filter((each) => each.isFile())
        .map((each) => join(each.parentPath, each.name));
    const [newest] = packs().sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    assert.ok(newest !== undefined);
    rmSync(newest);
    const found = await place.json(['find']);
    assert.equal(found.findings[0]?.code, 'unread-headers');
    assert.equal(rows(found, 'matches').length, 2);
    const lost = rows(found, 'matches').find((row) => row['subject'] === '');
    const ran = await place.run(['cat', 'latest', lost?.message ?? '']);
    assert.equal(ran.code, 4);
    assert.equal(ran.stdout, '');
    const to = join(scratch('to'), 'mail');
    const exported = await place.json(['export', 'latest', '--format', 'eml', '--to', to], { expect: 4 });
    assert.equal(exported.outcome, 'partial');
    assert.equal(exported.counts['messages'], 1);
    assert.equal((await place.run(['export', 'latest', '--format', 'tar', '--to', '-'])).code, 4);
    assert.equal((await place.run(['cat', kept, '<one@shop.example>'])).stdout, textOf(letter(0)));
    // Stored again, it is found again.
    await place.backup();
    const again = await place.json(['find', '--subject', '請求書']);
    assert.equal(rows(again, 'matches').length, 1);
    assert.deepEqual(again.findings, []);
  });

  test('hostile names leave the directory of an export alone', async () => {
    const place = await makePlace(scratch('hostile'));
    const names = ['.-..-..-x', `.${'é'.repeat(60)}`, '.a\nb', '.con', '.Con', '.CON', '.q"r', '.&U,BTFw-'];
    for (const [number, folder] of names.entries())
      deliver(place, { mailbox: ANN, folder, base: `${number}.h\n"%.mx1`, subject: `s${number}` });
    const gzipped: Letter = { mailbox: ANN, base: 'z.mx1', subject: 'zipped' };
    deliver(place, gzipped);
    writeFileSync(pathOf(place, gzipped), gzipSync(textOf(gzipped)));
    mkdirSync(dirname(pathOf(place, { mailbox: ANN, base: 'crypt.mx1' })), { recursive: true });
    writeFileSync(pathOf(place, { mailbox: ANN, base: 'crypt.mx1' }), Buffer.from('CRYPTED\x03\x07rest', 'latin1'));
    await place.backup();
    for (const format of ['mbox', 'eml', 'maildir']) {
      const root = scratch('to');
      const expect = format === 'mbox' ? 3 : 0;
      const document = await place.json(['export', 'latest', '--format', format, '--to', join(root, 'out')], { expect });
      assert.equal(document.counts['messages'], format === 'mbox' ? names.length + 1 : names.length + 2);
      assert.deepEqual(readdirSync(root), ['out']);
      assert.deepEqual(readdirSync(join(root, 'out')), [ANN]);
      const entries = readdirSync(join(root, 'out', ANN));
      if (format === 'maildir') continue;
      assert.equal(new Set(entries.map((name) => name.toLowerCase())).size, names.length + 1);
      // oxlint-disable-next-line no-control-regex
      for (const name of entries) assert.doesNotMatch(name, /[\x00-\x1f/\\"]|^\.|^con(\.|$)/i);
    }
    // A link in the way is not followed.
    const root = scratch('to');
    symlinkSync(join(root, 'elsewhere'), join(root, 'link.tar'));
    assert.equal((await place.run(['export', 'latest', '--format', 'tar', '--to', join(root, 'link.tar')])).code, 20);
    assert.ok(!existsSync(join(root, 'elsewhere')));
    // A compressed message is found by its header, and comes out as mail.
    assert.equal(rows(await place.json(['find', '--subject', 'zipped']), 'matches').length, 1);
    await place.json(['export', 'latest', '--format', 'eml', '--folder', 'INBOX', '--to', join(root, 'eml')]);
    const texts = readdirSync(join(root, 'eml', ANN, 'INBOX')).map((name) => readFileSync(join(root, 'eml', ANN, 'INBOX', name), 'utf8'));
    assert.ok(texts.includes(textOf(gzipped)));
  });
});
