import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { SyncStore } from '../standby/sync/place.ts';
import type { Done, Prepared, PrepareOptions } from '../standby/prepare/prepare.ts';
import { isoNow } from '../system/clock.ts';
import { confirm } from './confirm.ts';
import { placeOf } from './from-config.ts';
import { agentOn, mailPlaces } from './standby/agents.ts';
import { readAuthority } from './standby/authority.ts';
import { guardsOf, unguarded } from './standby/guards.ts';
import { directionNow, type Direction } from './standby/hosts.ts';
import { hostNamed, pairOf, syncStores } from './standby/pair.ts';
import { describeChanges, fieldsOf, verdictOf } from './standby/prepared.ts';
import { switchOptions } from './standby/switch.ts';
import { defineCommand, type Artifact, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby prepare',
  summary: 'make the standby a mail server like the primary, and list what a switch would still lack',
  description: [
    'Compares the two hosts, and brings to the one that does not serve what the other has beside its mail: the configuration of Postfix and Dovecot with every map, alias, key, certificate and Sieve script that it names, DKIM keys, users and groups. What is copied is shown as a difference first, and confirmed; the old files are kept, and `--undo` puts them back. Settings that say which host it is (myhostname, inet_interfaces and the like) stay those of each host. Nothing is deleted on the standby, and nothing is started.',
    'Then it lists what a switch would still lack, each with the command or the change that mends it: packages, versions, users and their numbers, space, clock, the DNS (address, PTR, SPF, MTA-STS, DKIM, TLSA, TTL), names in certificates, the firewall, other services, and what `standby status` tells. With --check it only looks.',
    'Who logs in by a directory (SQL, LDAP) could not when that is gone with the primary. So hashes that can be read are laid down on the standby as a snapshot; those whose hash nobody can read (Active Directory, PAM) are listed, or get emergency passwords, which are encrypted to the administrator. `--logins snapshot` has Dovecot ask the snapshot, `--logins directory` the directory again.',
  ],
  arguments: {},
  options: {
    check: { kind: 'flag', description: 'only look, and list what a switch would lack; what differs between the hosts is a finding, too' },
    dryRun: { kind: 'flag', description: 'show what would be copied, and change nothing' },
    yes: { kind: 'flag', description: 'copy without asking' },
    undo: { kind: 'text', value: 'RUN', description: "put back what a run changed on the standby: its name, or 'last'" },
    logins: {
      kind: 'choice',
      value: 'BY',
      choices: ['snapshot', 'directory'],
      description: "how people log in on the standby: 'snapshot' by the hashes that were laid down, when the directory is gone",
    },
  },
  examples: [
    { command: 'mailrecover standby prepare --dry-run', says: 'See what would be copied to the standby, line by line.' },
    { command: 'mailrecover standby prepare', says: 'Copy it, after a look at the difference.' },
    { command: 'mailrecover standby prepare --check --quiet', says: 'From a timer: is the standby still ready?' },
    { command: 'mailrecover standby prepare --undo last', says: 'Put the old files of the standby back.' },
    {
      command: 'mailrecover standby prepare --logins snapshot',
      says: 'The directory is gone: let people log in on the standby all the same.',
    },
  ],
  exitCodes: {
    0: 'the standby has what it needs, perhaps with warnings',
    1: 'something could not be copied, or all was put back since Postfix or Dovecot did not understand it',
    3: 'copied (or looked at), and a switch would still lack something, which is named',
    10: 'the repository, which says who serves, is not there',
    11: 'a switch is under way',
    12: 'emergency passwords are to be issued, and nobody is named who reads them',
    13: 'one of the hosts, or the repository, could not be reached',
    20: 'not confirmed, or the host that would be changed serves; nothing is changed',
  },
  json: {
    from: 'the host that was read',
    to: 'the host that is prepared',
    dryRun: 'true where nothing was changed',
    run: 'the name of this run, for --undo; absent where nothing was changed',
    'changes[].{path,what,detail,diff}':
      'files that differ: `new`, `content`, `owner` or `link`; the difference line by line, but for secrets',
    'accounts[].{kind,name,id,what}': 'users and groups that are made, or get the password of the primary',
    'onlyThere[]': 'files of the standby that the primary does not have; they stay',
    'logins.{users,inFiles,readable,emergency,issued,uncovered[]}':
      'who could log in without the directory: all users, hashes in files that are copied, hashes that were read, emergency passwords, how many of them are new, and users without any',
    'restored[]': 'with --undo: files that were put back',
    'counts.files': 'files that differ',
    'counts.written': 'files that were copied',
    'counts.accounts': 'users and groups that were made or changed',
    'counts.lacking': 'findings that stand in the way of a switch',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const modes = [options.check, options.dryRun, options.undo !== undefined, options.logins !== undefined].filter(Boolean);
    if (modes.length > 1) throw new MailrecoverError('usage', '--check, --dry-run, --undo and --logins exclude each other');
    if (options.logins !== undefined) return useLogins(context, config, options.logins);
    const { target } = await placeOf(context);
    const way = await directionNow(config, target);
    if (options.undo !== undefined) return undo(context, way, options.undo === 'last' ? undefined : options.undo);
    const { lookAtHosts, lacking, newRun, prepareStandby } = await import('../standby/prepare/prepare.ts');
    const wanted = await prepareOptions(context, config, way);
    const prepared = await lookAtHosts(wanted);
    const isChange = prepared.changes.length + prepared.accounts.length > 0;
    if (options.check || options.dryRun || !isChange) {
      const findings = [...prepared.findings, ...(await others(context, way))];
      if (options.check && isChange) findings.unshift(outOfDate(way, prepared));
      return result(way, prepared, { findings, dryRun: options.check || options.dryRun });
    }
    await confirm(context, options.yes, (text) => describeChanges(way, prepared, text), `copy this to '${way.to}'?`);
    const run = newRun();
    const artifacts = await keepPasswords(config, way, prepared, run);
    const done = await prepareStandby(wanted, prepared, run);
    // What was copied may have mended much: the standby is looked at again.
    const after = await wanted.standby.agent.survey({ mail: wanted.mail });
    const kept = prepared.findings.filter(({ code }) => KEPT.has(code));
    const findings = [
      ...done.findings,
      ...kept,
      ...(await lacking(wanted, prepared.surveys.primary, after)),
      ...(await others(context, way)),
    ];
    return result(way, prepared, { findings, dryRun: false, done, artifacts });
  },
});

/** What was found while files were compared, and does not go away by copying. */
const KEPT = new Set([
  'user-differs',
  'unreadable',
  'too-large',
  'names-primary',
  'login-uncovered',
  'directory-unread',
  'postfix-unread',
  'dovecot-unread',
]);

async function prepareOptions(context: CommandContext, config: Config, way: Direction): Promise<PrepareOptions> {
  const pair = pairOf(config);
  const { prepare, proof } = pair;
  const { checkRecipients } = await import('../standby/prepare/prepare.ts');
  checkRecipients(prepare.emergency, recipientsOf(config));
  const { dns: zones, services } = await switchOptions(
    context,
    { mode: 'planned', allowLoss: undefined, attested: undefined, to: way.to, dialTone: false },
    () => undefined,
  );
  const side = async (name: string): Promise<PrepareOptions['primary']> => {
    const { address, ssh } = hostNamed(config, name);
    return { name, address: address ?? ssh?.host ?? '127.0.0.1', agent: await agentOn(context, name, way) };
  };
  const [primary, standby] = await Promise.all([side(way.from), side(way.to)]);
  const moved = zones.flatMap(({ records }) => records.filter(({ type }) => type !== 'MX' && type !== 'TXT').map(({ name }) => name));
  return {
    primary,
    standby,
    services,
    mail: mailPlaces(config),
    exclude: prepare.exclude,
    keep: prepare.keep,
    domains: pair.domains.length > 0 ? pair.domains : (config.system?.domains ?? []),
    zones,
    clientNames: [...prepare.names, ...moved, ...[proof?.smtp.name, proof?.imap.name].flatMap((name) => name ?? [])],
    resolvers: prepare.resolvers ?? config.system?.resolvers,
    ca: await readAuthority(proof?.caFile),
    emergency: prepare.emergency,
    progress: context.progress,
  };
}

function recipientsOf(config: Config): string[] {
  const { recipients } = pairOf(config).prepare;
  return recipients.length > 0 ? recipients : config.recipients;
}

/** What stands in the way of a switch beside what was compared here, as `standby status` tells it. */
async function others(context: CommandContext, way: Direction): Promise<Finding[]> {
  const { target } = await placeOf(context);
  const [{ readEpoch }, { precheck }] = await Promise.all([import('../standby/epoch.ts'), import('../standby/promote/precheck.ts')]);
  const options = await switchOptions(
    context,
    { mode: 'planned', allowLoss: undefined, attested: undefined, to: way.to, dialTone: false },
    () => undefined,
  );
  const { findings } = await precheck(options, await readEpoch(target));
  const config = await context.config();
  return [...findings, ...unguarded(await guardsOf(config, [options.from, options.to])), ...syncStores(config).map(howCopied)];
}

/** By what the mail of a store gets to the standby. */
function howCopied({ name, format = 'maildir' }: SyncStore): Finding {
  if (format === 'mbox')
    return {
      severity: 'error',
      code: 'not-synced',
      message: `store '${name}' holds mbox, which is not kept alike on the standby: a switch would not have its mail`,
      hint: 'convert it to one of Maildir, sdbox and mdbox (doveadm backup)',
      subject: name,
    };
  const message =
    format === 'maildir'
      ? `store '${name}' holds Maildirs, which 'standby sync' copies itself`
      : `store '${name}' holds ${format}, which 'standby sync' has Dovecot copy (dsync): doveadm is needed on both hosts`;
  return { severity: 'info', code: 'store', message, subject: name };
}

function outOfDate({ from, to }: Direction, { changes, accounts }: Prepared): Finding {
  const what = [
    ...(changes.length > 0 ? [`${changes.length} files`] : []),
    ...(accounts.length > 0 ? [`${accounts.length} users or groups`] : []),
  ];
  return {
    severity: 'error',
    code: 'not-prepared',
    message: `'${to}' has not what '${from}' has: ${what.join(' and ')} differ`,
    hint: 'see which, and copy them: mailrecover standby prepare',
    subject: to,
  };
}

/** Encrypted before anything is copied: a password that nobody knows would help nobody. */
async function keepPasswords(config: Config, way: Direction, { logins }: Prepared, run: string): Promise<Artifact[]> {
  if (logins === undefined || logins.issued.length === 0) return [];
  const [{ passwordList }, { sealTo }, { makeDirectory, writeDurable }] = await Promise.all([
    import('../standby/prepare/texts.ts'),
    import('../repository/age/seal.ts'),
    import('../system/files.ts'),
  ]);
  const folder = join(config.state, 'standby', 'emergency');
  await makeDirectory(folder);
  const path = join(folder, `${run}.txt.age`);
  await writeDurable(path, sealTo(passwordList(logins.issued, { standby: way.to, at: isoNow() }), recipientsOf(config)));
  return [{ kind: 'emergency-passwords', path }];
}

function result(
  way: Direction,
  prepared: Prepared,
  { findings, dryRun, done, artifacts = [] }: { findings: readonly Finding[]; dryRun: boolean; done?: Done; artifacts?: Artifact[] },
): CommandResult {
  const unique = bySeverity(findings).filter(
    (finding, at, all) => all.findIndex(({ code, message }) => code === finding.code && message === finding.message) === at,
  );
  const lacks = unique.filter(({ severity }) => severity === 'error').length;
  const failed = done?.putBack === true;
  return {
    outcome: failed ? 'failed' : lacks > 0 ? 'partial' : unique.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
    ...(failed ? { cause: 'failed' as const, exit: 1 } : lacks > 0 ? { cause: 'partial' as const, exit: 3 } : {}),
    counts: {
      files: prepared.shown.length,
      written: done?.written ?? 0,
      accounts: done === undefined || failed ? 0 : prepared.accounts.length,
      lacking: lacks,
    },
    findings: unique,
    artifacts,
    fields: { from: way.from, to: way.to, dryRun, ...(done === undefined || failed ? {} : { run: done.run }), ...fieldsOf(prepared) },
    render: (text) => verdictOf(way, prepared, { lacks, done, dryRun }, text),
  };
}

/** What stands in the way comes first. */
function bySeverity(findings: readonly Finding[]): Finding[] {
  const order = ['error', 'warning', 'info'];
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

async function undo(context: CommandContext, way: Direction, run: string | undefined): Promise<CommandResult> {
  const agent = await agentOn(context, way.to, way);
  const { mapsOf } = await import('../standby/prepare/prepare.ts');
  const undone = await agent.undo(run);
  const survey = await agent.survey({ mail: [] });
  const finished = await agent.finish({ maps: mapsOf(survey, undone.restored), authorities: false, units: true });
  const findings = [...undone.findings, ...finished.findings];
  const failed = findings.some(({ severity }) => severity === 'error');
  return {
    outcome: failed ? 'failed' : 'ok',
    ...(failed ? { cause: 'failed' as const } : {}),
    counts: { files: undone.restored.length },
    findings,
    fields: { from: way.from, to: way.to, dryRun: false, run: undone.run, restored: undone.restored },
    render: (text) =>
      [
        text.bold(text.say`${text.number(undone.restored.length)} files of '${way.to}' are again what they were before run ${undone.run}`),
        ...undone.restored.map((path) => `  ${path}`),
      ].join('\n'),
  };
}

/** Asks nobody who serves: it is needed where everything else may be gone. */
async function useLogins(context: CommandContext, config: Config, by: 'snapshot' | 'directory'): Promise<CommandResult> {
  const { primary, standby } = pairOf(config);
  const agent = await agentOn(context, standby.name, { from: primary.name, to: standby.name, epoch: 0 });
  const { changed, reloaded, users } = await agent.useLogins(by);
  return {
    outcome: 'ok',
    fields: { to: standby.name, logins: { by, changed, reloaded, users } },
    render: (text) =>
      [
        text.green(
          by === 'snapshot'
            ? text.say`people log in by the snapshot on '${standby.name}': ${text.number(users)} of them are in it`
            : text.say`people log in by their directory on '${standby.name}'`,
        ),
        ...(changed ? [] : [text.say`it was so before`]),
        ...(reloaded ? [] : [text.say`dovecot does not run on '${standby.name}': it heeds this when it starts`]),
      ].join('\n'),
  };
}
