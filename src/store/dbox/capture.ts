/**
 * Reading one live sdbox or mdbox mailbox. Its indexes are the truth, so they are read first, all at one moment; the files with the messages
 * after them. Files only grow, so what an index names is in them, unless it was moved (purge, altmove) or expunged meanwhile: then all is looked at again.
 */
import type { Finding } from '../../errors/finding.ts';
import { displayBytes } from '../bytes.ts';
import { FileSet } from '../file-set.ts';
import type { CaptureArea, CapturedMailbox, CaptureOptions } from '../maildir/capture.ts';
import { AreaReader } from '../maildir/area.ts';
import { sleep } from '../../system/clock.ts';
import { provesStill } from '../stat.ts';
import { cutIndexes, type IndexCut } from './index-cut.ts';
import { type DboxFormat, isIndexName, isLeftOut, isMessageFile, uidOfFile } from './names.ts';
import { namedUids, viewOf, type DboxTrees, type DboxView } from './view.ts';

/** Times that all is looked at again where something that an index names was not found. */
const MAX_ROUNDS = 30;
/** Microseconds after which a file that no index names is not on its way any more. */
const FRESH = 60_000_000;

/** Captures a mailbox; see {@link CaptureOptions}. */
export async function captureDbox(format: DboxFormat, options: CaptureOptions): Promise<CapturedMailbox> {
  const { deep, settle, now, lost, read, signal } = options;
  const sets = new Map<CaptureArea['area'], FileSet>();
  const plain = new Map<CaptureArea['area'], AreaReader>();
  for (const { area, root, prior, only } of options.areas) {
    if (area === 'view') continue;
    const shared = { root, prior, deep, settle, now, lost, read };
    if (area === 'control' || area === 'home')
      plain.set(area, new AreaReader({ ...shared, maildir: false, ...(only === undefined ? {} : { only }) }));
    else
      sets.set(
        area,
        new FileSet({
          ...shared,
          isLeftOut,
          kindOf: (path) => (isMessageFile(path) ? 'dbox' : 'file'),
          isFixed: (name) => uidOfFile(name) !== undefined,
        }),
      );
  }
  const mail = sets.get('mail');
  if (mail === undefined) return { areas: new Map(), findings: [], vanished: true };
  const trees: DboxTrees = { format, mail, alt: sets.get('alt'), index: sets.get('index') ?? mail };

  const prior = options.areas.find(({ area }) => area === 'view')?.prior;
  // Most is read before the indexes are: so little time passes between these and what is read after them.
  const all = [...sets.values()];
  await captureContents(trees, all, undefined);
  let cut: IndexCut;
  let view: DboxView;
  for (let round = 1; ; round++) {
    signal?.throwIfAborted();
    cut = await cutIndexes(all, signal);
    await captureContents(trees, all, cut);
    view = viewOf(trees, cut, prior);
    if (view.missing.size === 0 || round >= MAX_ROUNDS) break;
    await sleep(Math.min(200, round * 5));
  }
  for (const set of all) await set.give(Array.from(cut.files.get(set) ?? [], ([path, file]) => ({ path, ...file })));
  for (const reader of plain.values()) {
    reader.list();
    await reader.captureFiles(() => 0);
  }

  const areas: CapturedMailbox['areas'] = new Map();
  for (const [area, set] of sets) areas.set(area, set.result());
  for (const [area, reader] of plain) areas.set(area, reader.result());
  areas.set('view', view.area);
  const findings = [...sets.values(), ...plain.values()].flatMap((each) => each.findings);
  return { areas, findings: [...findings, ...problems(trees, cut, view)], vanished: !mail.present, folders: view.folders };
}

/** What lies beside the indexes. */
async function captureContents(trees: DboxTrees, sets: readonly FileSet[], cut: IndexCut | undefined): Promise<void> {
  const named = cut === undefined ? undefined : namedUids(trees, cut);
  for (const set of sets) {
    set.list();
    const wanted: string[] = [];
    for (const path of set.paths()) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (isIndexName(name)) continue;
      const uid = uidOfFile(name);
      const uids = uid === undefined ? undefined : named?.get(path.slice(0, path.lastIndexOf('/')));
      if (uid !== undefined && uids !== undefined && !uids.has(uid) && isFresh(set, path)) continue;
      wanted.push(path);
    }
    await set.capture(wanted);
  }
}

/**
 * Whether a file that no index names is being delivered, or expunged: a server that finds it in a restored folder would stumble over it. One that has been there for longer may be mail that an index
 * has lost.
 */
function isFresh(set: FileSet, path: string): boolean {
  const stat = set.statOf(path);
  return stat === undefined || !provesStill(stat, set.options.now(), FRESH);
}

function problems({ format, mail, index }: DboxTrees, cut: IndexCut, view: DboxView): Finding[] {
  const findings: Finding[] = [];
  const subject = displayBytes(mail.options.root);
  const resync = "let Dovecot mend it: doveadm force-resync -u USER '*'";
  for (const dir of view.unread) {
    findings.push({
      severity: 'warning',
      code: 'index-damaged',
      message: `the index in '${displayBytes(index.full(dir))}' is missing or damaged; all files are stored, but which messages the folder holds is not known`,
      hint: resync,
      subject: displayBytes(index.full(dir)),
    });
  }
  const missing = [...view.missing.values()].reduce((sum, count) => sum + count, 0);
  if (missing > 0) {
    findings.push({
      severity: 'warning',
      code: 'messages-missing',
      message: `the indexes of '${subject}' name ${missing} ${missing === 1 ? 'message' : 'messages'} that ${format} does not hold`,
      hint: `earlier snapshots may hold them; ${resync}`,
      subject,
    });
  }
  if (!cut.exact) {
    findings.push({
      severity: 'warning',
      code: 'mailbox-busy',
      message: `the indexes of '${subject}' never stood still: mail that was moved meanwhile may be in two folders of this snapshot, or in none`,
      hint: 'the next backup looks again',
      subject,
    });
  }
  return findings;
}
