/** Are the stored objects sound and complete? Needs no key; with one it also tells what damage costs. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Progress } from '../../system/progress.ts';
import type { Identity } from '../age/keys.ts';
import { encodeMarker, MARKER, openRepository } from '../repository.ts';
import type { Target } from '../target.ts';
import { checkPacks, checkTags, salvage, type Readable } from './content.ts';
import { checkData } from './data.ts';
import { Ledger } from './ledger.ts';
import { listAll, type Listing } from './listing.ts';
import { fitsAny, LossFinder, type Loss } from './losses.ts';
import { checkNeeds, costOf, hintForOld, tellDebris } from './needs.ts';
import { checkRecords, forgottenSpans } from './records.ts';
import { checkHosts, checkRescue, checkRuns, checkSecrets, type RescueHashes } from './small.ts';
import { checkChains, checkKeys, readSnapshots, type CheckedSnapshots } from './snapshots.ts';
import { tellLosses } from './tell-losses.ts';

export interface CheckOptions {
  target: Target;
  /** Read every object and compare its hash; with identities, or where nothing is encrypted, also decode it. */
  readData: boolean;
  /** undefined or empty: none at hand. */
  identities: readonly Identity[] | undefined;
  /** Use the identities for more than telling what damage costs: read all catalogs, and call it an error when no identity fits. */
  decode: boolean;
  /** What this host knows by itself; each is undefined where it does not. */
  known: {
    /** Its signing key, 64 hex digits, and its name. */
    key: string | undefined;
    host: string | undefined;
    /** Its dedup secret for this repository. */
    secret: Buffer | undefined;
    /** The newest snapshot that it made. */
    last: { sequence: number; id: string } | undefined;
    /** The text of the repository's marker, as it was when the repository was made. */
    marker: string | undefined;
  };
  /** Signing keys of other hosts that are believed. */
  trust: readonly string[];
  rescue: RescueHashes;
  /** Names the folder in a directory (a binary string) of a store. */
  nameFolder: (store: string, dir: string) => string;
  progress: Progress;
  signal?: AbortSignal;
}

export interface CheckReport {
  outcome: 'ok' | 'warning' | 'failed';
  counts: { objects: number; damaged: number; missing: number };
  findings: Finding[];
  /** With an identity: the messages and files that damage costs. */
  lost: Loss[];
  snapshots: number;
}

/**
 * Checks a repository. Damage is reported, never thrown.
 * @throws MailrecoverError `no-repository`, `repository-format`, `unreachable`, `io` where the place can't be listed
 */
export async function checkRepository(options: CheckOptions): Promise<CheckReport> {
  const { target, signal, progress, known } = options;
  const ledger = new Ledger();
  const encrypted = await checkMarker(target, known.marker, ledger);
  progress.phase('listing objects');
  const listing = await listAll(target, encrypted);
  progress.phase('checking snapshots');
  const checked = await readSnapshots(target, listing, ledger, signal);
  const trusted = new Set([...options.trust, ...(known.key === undefined ? [] : [known.key])]);
  const last = known.key === undefined || known.last === undefined ? undefined : { ...known.last, key: known.key };
  const records = await checkRecords(target, listing, checked.heads, trusted, ledger);
  checkChains(listing, checked, { last, forgotten: forgottenSpans(records, trusted) }, ledger);
  checkKeys(checked.heads, trusted, known.host, ledger);
  checkNeeds(listing, checked, ledger);
  tellDebris(listing, checked, ledger);
  await checkRescue(target, listing, options.rescue, ledger);
  await checkHosts(target, listing, checked.heads, ledger);

  const given = options.identities?.length === 0 ? undefined : options.identities;
  const fits = !encrypted || given === undefined || (await fitsAny({ target, checked, ledger, listing, identities: given }));
  if (!fits && options.decode) {
    ledger.findings.push({
      severity: 'error',
      code: 'key',
      message: 'no identity given fits this repository, so it was checked without one',
      hint: 'name the age identity file with --identity FILE or MAILRECOVER_IDENTITY; it is on the recovery sheet',
    });
  }
  const identities = encrypted && fits ? given : undefined;
  const secrets = await checkSecrets(target, listing, { encrypted, identities, own: known.secret }, ledger);
  if (options.readData) await checkRuns(target, listing, ledger);
  if (options.readData) await checkData(target, listing, ledger, progress, signal);
  const tagsOf = options.readData ? await checkTags({ target, listing, ledger, signal }, trusted) : new Map<string, string[]>();

  let lost: Loss[] = [];
  if (!encrypted || identities !== undefined) {
    const content = { target, listing, identities, ledger, signal };
    const deep = options.readData;
    const readable: Readable = deep ? await checkPacks(content, tagsOf, secrets, progress) : await salvage(content);
    progress.phase('reading catalogs');
    if (deep || options.decode || ledger.damages.length > 0) {
      const finder = new LossFinder({ ...content, checked, readable, deep, nameFolder: options.nameFolder });
      await finder.find();
      lost = finder.losses;
      if (finder.truncated > 0)
        ledger.findings.push({ severity: 'error', code: 'damage', message: `and ${finder.truncated} more messages or files are lost` });
    }
  }
  return conclude(ledger, listing, checked, lost);
}

/** @returns whether the repository is encrypted, as far as can be told */
async function checkMarker(target: Target, known: string | undefined, ledger: Ledger): Promise<boolean> {
  const hint = known === undefined ? 'docs/format.md says what it holds' : `it held ${known.trim()}`;
  try {
    const repository = await openRepository(target);
    const text = (await target.get(MARKER)).toString('utf8');
    if (text !== encodeMarker(repository) || (known !== undefined && text !== known))
      ledger.damaged(MARKER, 'is not as it was when the repository was made', { hint });
    return repository.encrypted;
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    let encrypted: boolean | undefined;
    if (error.code === 'damage')
      ledger.damaged(MARKER, 'is damaged, so nothing can be backed up or restored until it is put right', { hint });
    else if (error.code === 'no-repository') {
      // A place that never was a repository is another thing than one that lost its marker.
      for await (const { path } of target.list('packs')) {
        encrypted ??= path.endsWith('.age');
        ledger.missing(MARKER, hint);
        break;
      }
      if (encrypted === undefined) throw error;
    } else throw error;
    if (encrypted === undefined) for await (const { path } of target.list('packs')) encrypted ??= path.endsWith('.age');
    return encrypted ?? true;
  }
}

function conclude(ledger: Ledger, listing: Listing, checked: CheckedSnapshots, lost: Loss[]): CheckReport {
  const { damages } = ledger;
  for (const damage of damages) {
    const kind = listing.kinds.get(damage.path) ?? checked.needs.get(damage.path)?.kind;
    if (kind === 'pack' || kind === 'catalog' || kind === 'tags') {
      const need = checked.needs.get(damage.path);
      damage.costs.push(costOf(need, checked.heads));
      damage.hint = hintForOld(need, checked.heads) ?? damage.hint;
    } else if (damage.missing && damage.path.startsWith('snapshots/')) damage.costs.push('the state that it recorded can not be restored');
    else if (kind === 'snapshot') damage.costs.push('it is not restored from as long as that is so');
  }
  ledger.findings.push(...tellLosses(lost, damages));
  const findings = ledger.all();
  const missing = damages.filter((damage) => damage.missing).length;
  const failed = findings.some(({ severity }) => severity === 'error');
  const warned = findings.some(({ severity }) => severity === 'warning');
  return {
    outcome: failed ? 'failed' : warned ? 'warning' : 'ok',
    counts: { objects: listing.kinds.size, damaged: damages.length - missing, missing },
    findings,
    lost,
    snapshots: checked.heads.length,
  };
}
