import assert from 'node:assert/strict';
import { appendFileSync, lutimesSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../../support/tmp.ts';
import { capture, type Captured, type Place, Server } from './server.ts';

/** A mailbox with INBOX, .A and .B, and so many messages in each. */
function mailbox(messages = 3, apart = false): { server: Server; places: Place[] } {
  const base = scratch('race');
  const server = new Server(join(base, 'mail'), join(base, apart ? 'control' : 'mail'));
  const dirs = ['', '.A', '.B'];
  for (const dir of dirs) server.folder(dir);
  return { server, places: dirs.flatMap((dir) => Array.from({ length: messages }, () => server.append(dir))) };
}

/** Does something once, at the first call that fits. */
function once<T extends unknown[]>(action: () => void, when: (...args: T) => boolean = () => true): (...args: T) => void {
  let done = false;
  return (...args) => {
    if (done || !when(...args)) return;
    done = true;
    action();
  };
}

function assertHolds(captured: Captured, places: readonly Place[]): void {
  for (const place of places) {
    const message = captured.mail.dirs.get(place.dir)?.messages.get(place.base);
    assert.ok(message !== undefined, `${place.base} in '${place.dir}' is missing`);
    assert.deepEqual([message.in, message.flags], [place.where, place.flags], 'the name is not the one it has now');
    if (place.uid !== 0) assert.equal(captured.uids(place.dir).get(place.base), place.uid);
  }
  const total = [...captured.bases.values()].reduce((sum, bases) => sum + bases.length, 0);
  assert.equal(total, places.length, 'there is more than there should be');
}

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  assert.ok(item !== undefined);
  return item;
};

test('a message that is flagged between listing and reading', async () => {
  const { server, places } = mailbox();
  const captured = await capture(server, { beforeRead: once(() => places.forEach((place) => server.rename(place, 'cur', ':2,S'))) });
  assertHolds(captured, places);
});

test('a message that goes from new to cur between the listings of the two', async () => {
  for (const nth of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
    const { server, places } = mailbox(1);
    const fresh = server.deliver('.A');
    let looks = 0;
    const captured = await capture(server, {
      listing: once(
        () => server.rename(fresh, 'cur', ':2,S'),
        () => ++looks === nth,
      ),
    });
    assertHolds(captured, [...places, fresh]);
  }
});

test('a message that is moved to another folder at any moment is there once', async () => {
  for (let nth = 1; nth <= 24; nth++) {
    const { server, places } = mailbox(1);
    const [inbox, a, b] = places;
    assert.ok(inbox !== undefined && a !== undefined && b !== undefined);
    let moved = a;
    let moments = 0;
    const act = once(
      () => (moved = server.move(a, '.B')),
      () => ++moments === nth,
    );
    const captured = await capture(server, { listing: act, beforeRead: act });
    assertHolds(captured, [inbox, b, moved.uid === a.uid && moved.dir === a.dir ? a : moved]);
  }
});

test('a folder that is renamed, removed or made while the mailbox is read', async () => {
  const renamed = mailbox();
  const after = await capture(renamed.server, {
    beforeRead: once(() => {
      renameSync(join(renamed.server.root, '.A'), join(renamed.server.root, '.C'));
      for (const place of renamed.places) if (place.dir === '.A') place.dir = '.C';
    }),
  });
  assertHolds(after, renamed.places);
  assert.ok(!after.mail.dirs.has('.A'));

  for (const when of [/^cur/, /^\.A/, /^\.B/, /uidlist$/]) {
    const { server, places } = mailbox();
    const gone = await capture(server, {
      afterRead: once(
        () => server.removeFolder('.A'),
        (path: string) => when.test(path),
      ),
    });
    assertHolds(
      gone,
      places.filter(({ dir }) => dir !== '.A'),
    );
    assert.deepEqual(gone.findings, []);
    // It came to rest, rather than to look again and again for what is gone.
    assert.ok(gone.looks < 130, String(gone.looks));
  }

  const made = mailbox();
  const grown = await capture(made.server, {
    afterRead: once(
      () => {
        made.server.folder('.New');
        made.places.push(made.server.append('.New'), made.server.move(first(made.places.splice(0, 1)), '.New'));
      },
      (path: string) => path.endsWith('uidlist'),
    ),
  });
  assertHolds(grown, made.places);
});

test('a mailbox that goes away while it is read is not taken for an empty one', async () => {
  const { server } = mailbox();
  const captured = await capture(server, { beforeRead: once(() => rmSync(server.root, { recursive: true })) });
  assert.ok(captured.vanished);
  assert.ok(captured.looks < 60);
});

test('the uidlist that is kept is not older than the messages', async () => {
  const { server, places } = mailbox();
  let times = 0;
  const captured = await capture(server, {
    // Each of the first reads of a list is outdated at once.
    afterRead: (path) => {
      if (path.endsWith('uidlist') && ++times < 8) places.push(server.append('.A'));
    },
  });
  assertHolds(captured, places);
});

for (const apart of [false, true]) {
  const where = apart ? 'elsewhere' : 'with the mail';
  test(`control files ${where}: a keyword gets its name after its letter was put into file names`, async () => {
    const { server, places } = mailbox(2, apart);
    const keywords = join(server.control, 'dovecot-keywords');
    writeFileSync(keywords, '0 $One\n');
    server.rename(first(places), 'cur', ':2,b');
    const captured = await capture(server, {
      afterRead: once(
        () => appendFileSync(keywords, '1 $Two\n'),
        (path: string) => path === 'dovecot-keywords',
      ),
    });
    assert.equal(captured.kept('dovecot-keywords'), '0 $One\n1 $Two\n');
    assertHolds(captured, places);
  });

  test(`control files ${where}: a mailbox that never rests keeps every message, once, under its UID`, async () => {
    const { server, places } = mailbox(6, apart);
    // Two names of one file: a copy.
    const copied = server.copy(first(places), '.B');
    places.push(copied);
    let turn = 0;
    const churn = (): void => {
      turn++;
      for (const place of places) server.rename(place, 'cur', turn % 2 === 0 ? ':2,' : ':2,S');
    };
    const captured = await capture(server, {
      afterRead: (path) => path.endsWith('uidlist') && churn(),
      listing: () => turn > 0 && churn(),
    });
    for (const { dir, base, uid } of places) {
      assert.ok(captured.mail.dirs.get(dir)?.messages.has(base), `${base} in '${dir}'`);
      assert.equal(captured.uids(dir).get(base), uid);
    }
    assert.equal([...captured.bases.values()].flat().length, places.length);
    // What was captured is not what the last listing shows: the next backup must look again.
    assert.ok([...captured.mail.dirs].some(([path, { settled }]) => path.endsWith('cur') && !settled));
  });

  test(`control files ${where}: messages that come without end have the UIDs that clients know`, async () => {
    const { server, places } = mailbox(2, apart);
    const steady = [...places];
    const captured = await capture(server, {
      afterRead: (path) => {
        if (path.endsWith('uidlist')) places.push(server.append('.A'), server.append('.B'));
      },
    });
    for (const place of steady) assert.equal(captured.uids(place.dir).get(place.base), place.uid);
    const known = new Map(places.map(({ dir, base, uid }) => [`${dir}/${base}`, uid]));
    for (const [dir, bases] of captured.bases)
      for (const base of bases) assert.equal(captured.uids(dir).get(base), known.get(`${dir}/${base}`), base);
  });
}

test('a line of the uidlist that is written in two halves', async () => {
  const { server, places } = mailbox();
  const late = server.deliver('.A');
  server.rename(late, 'cur', ':2,');
  late.uid = 4;
  let times = 0;
  const captured = await capture(server, {
    beforeRead: once(
      () => appendFileSync(server.uidlist('.A'), '4 :1790'),
      (path: string) => path === '.A/dovecot-uidlist',
    ),
    afterRead: (path) => {
      if (path === '.A/dovecot-uidlist' && ++times === 1) appendFileSync(server.uidlist('.A'), `${late.base.slice(4)}\n`);
    },
  });
  assert.ok(captured.kept('.A/dovecot-uidlist').endsWith('\n'));
  assertHolds(captured, [...places, late]);
});

test('a directory whose time lies in the future proves as much as others', async () => {
  const { server, places } = mailbox();
  const year = Date.UTC(2040, 0) / 1000;
  for (const dir of ['', '.A', '.B']) for (const name of ['cur', 'new', '']) utimesSync(join(server.root, dir, name), year, year);
  lutimesSync(server.path(first(places)), year, year);
  await sleep(300);
  const captured = await capture(server, {}, undefined, 30_000);
  assertHolds(captured, places);
  assert.ok([...captured.mail.dirs.values()].every(({ settled }) => settled));
  assert.ok(captured.looks < 40, String(captured.looks));
});

/** Puts a link to a directory of somebody else's files in place of one of a mailbox; they have the names that were listed. */
function leadAway(server: Server, dir: string, places: readonly Place[]): void {
  const elsewhere = `${server.root}-of-another`;
  mkdirSync(elsewhere);
  for (const place of places) if (place.dir === dir) writeFileSync(join(elsewhere, place.base + place.flags), 'secret');
  writeFileSync(join(elsewhere, 'another secret:2,'), 'secret');
  renameSync(join(server.root, dir, 'cur'), join(server.root, dir, 'away'));
  symlinkSync(elsewhere, join(server.root, dir, 'cur'));
}

test('a directory that becomes a link between listing and reading leads to nothing', async () => {
  const { server, places } = mailbox();
  const captured = await capture(server, {
    beforeRead: once(
      () => leadAway(server, '.A', places),
      (path: string) => path.startsWith('.A/'),
    ),
  });
  assert.ok(![...server.contents.values()].includes('secret'));
  assertHolds(
    captured,
    places.filter((place) => place.dir !== '.A'),
  );
});

test('a directory that becomes a link at the moment it is listed leads to nothing', async () => {
  for (const nth of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]) {
    const { server, places } = mailbox();
    let looks = 0;
    const captured = await capture(server, {
      listing: once(
        () => leadAway(server, '.A', places),
        () => ++looks === nth,
      ),
    });
    assert.ok(![...server.contents.values()].includes('secret'));
    const bases = captured.bases.get('.A') ?? [];
    assert.ok(!bases.includes('another secret'), `listed the other directory at look ${nth}`);
  }
});
