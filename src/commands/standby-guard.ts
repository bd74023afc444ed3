import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { confirm } from './confirm.ts';
import { renderFiles } from './schedule-install.ts';
import { askOnce, beforeMail, result, tellOther, whileUp } from './standby/guard.ts';
import { pairOf, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby guard',
  summary: 'ask who serves before mail starts, and keep it from starting where another host does',
  description: [
    'A host that lost its power, and whose place another one took, would serve again as soon as it boots: two hosts take mail, and each has what the other lacks. The guard asks before: the repository, then the other host over SSH, and what this host remembers. Where another host serves by a newer epoch, mail services are masked and stopped as by the fence of a switch, and the virtual address is removed; `standby failback` and `standby promote` go on from there. A timer asks again while the host is up, for a line that was cut and comes back.',
    'It costs nothing in normal life: one question at boot, and one every standby.guard.every. Where nobody answers within standby.guard.wait mail starts, since a lone host must serve; with `silence: hold` it waits, and starts as soon as somebody can say that it may. In contrast to `standby lease` mail is never stopped because somebody can not be asked, and no switch can wait for it.',
    'Without options it asks everybody once, and changes nothing. --install writes the units of systemd; run it on both hosts, and again when standby.services or standby.guard changed.',
  ],
  arguments: {},
  options: {
    install: { kind: 'flag', description: 'write the units of systemd, and start the timer' },
    remove: { kind: 'flag', description: 'take the units away, and forget what was remembered' },
    boot: { kind: 'flag', description: 'what the unit does before mail starts' },
    watch: { kind: 'flag', description: 'what the timer does: ask once, and stop mail where another host serves' },
    tell: { kind: 'flag', description: 'tell the other host what is known here, without asking it' },
    root: {
      kind: 'text',
      value: 'DIR',
      description: 'with --install or --remove: the files below this directory in place of /, as for an image; nothing is started',
      complete: 'directory',
    },
    dryRun: { kind: 'flag', description: 'show the files, and change nothing' },
    yes: { kind: 'flag', description: 'do it without asking' },
  },
  examples: [
    { command: 'mailrecover standby guard', says: 'Ask everybody who serves.' },
    { command: 'mailrecover standby guard --install --dry-run', says: 'See the units.' },
    { command: 'mailrecover standby guard --install', says: 'Have this host ask before it serves.' },
    { command: 'mailrecover standby guard --remove', says: 'Serve without asking anybody.' },
  ],
  exitCodes: {
    0: 'this host may serve, or nobody can say; with --install or --remove: done',
    1: 'systemd refused, or a file could not be written',
    20: 'another host serves: mail here is stopped, or must be; or mail is held back; or not confirmed',
  },
  json: {
    verdict: '`here`: this host may serve; `other`: another one does; `switching`: a switch is under way; `silent`: nobody can say',
    'serves.{epoch,host}': 'with `other`: who serves, and since which epoch; else null',
    by: 'who says so; null where nobody does',
    why: 'why nobody can say; else null',
    action: 'what was done: `none`, `stopped`, `held` or `started`',
    'told.{serves,isSure,runs}':
      'with --tell: who serves, whether that was just read in the repository, and whether mail services run here; null where nothing is known',
    'files[].{path,action}': 'with --install or --remove: the files: create, update, keep, remove, or leave for one that somebody changed',
    'files[].text': 'what stands in it (with --dry-run)',
    dryRun: 'whether nothing was changed',
  },
  recordsHistory: 'install',
  async run(context, _args, options): Promise<CommandResult> {
    const given = [options.install, options.remove, options.boot, options.watch, options.tell].filter(Boolean);
    if (given.length > 1) throw new MailrecoverError('usage', '--install, --remove, --boot, --watch and --tell exclude each other');
    if (options.root !== undefined && !options.install && !options.remove)
      throw new MailrecoverError('usage', '--root goes with --install or --remove');
    if (options.install || options.remove) return install(context, options);
    if (options.boot) return beforeMail(context);
    if (options.watch) return whileUp(context);
    if (options.tell) return tellOther(context);
    return look(context);
  },
});

async function look(context: CommandContext): Promise<CommandResult> {
  const verdict = await askOnce(context);
  const looked = result(verdict, 'none', []);
  if (verdict.kind === 'here') return looked;
  if (verdict.kind === 'other') return { ...looked, outcome: 'failed', cause: 'refused' };
  const me = thisHost(await context.config()).name;
  const finding: Finding = {
    severity: 'warning',
    code: 'guard-unanswered',
    message: `nobody can say whether '${me}' serves: ${verdict.why}`,
    hint: 'see who serves: mailrecover standby status',
    subject: me,
  };
  return { ...looked, outcome: 'warning', findings: [finding] };
}

async function install(
  context: CommandContext,
  options: { remove: boolean; root: string | undefined; dryRun: boolean; yes: boolean },
): Promise<CommandResult> {
  const config = await context.config();
  const { guard, services, stopAlso } = pairOf(config);
  const host = thisHost(config).name;
  const [{ GUARD_UNIT, guardUnits, WATCH_TIMER }, files, { systemctl }, { systemdWord }, { programPath }] = await Promise.all([
    import('../standby/guard/units.ts'),
    import('../schedule/install.ts'),
    import('./schedule/place.ts'),
    import('../schedule/quote.ts'),
    import('../system/program.ts'),
  ]);
  const directory = join(options.root ?? '/', 'etc/systemd/system');
  const command = [programPath(), '--config', context.configPath, 'standby', 'guard'].map(systemdWord);
  const { wait, every, silence } = guard;
  const units = guardUnits({ command, wait, every, hold: silence === 'hold', services: [...services, ...stopAlso] }).map(
    ({ path, text }) => ({ path: join(directory, path), text }),
  );
  const plan = files.planFiles(
    options.remove ? [] : units,
    context.configPath,
    units.map(({ path }) => path),
    'standby guard --install',
  );
  const shown = plan.files.map(({ path, action }) => `${action}  ${path}`).join('\n');
  const findings: Finding[] = [...plan.findings];
  if (!options.dryRun) {
    const question = options.remove ? `serve without asking anybody on ${host}?` : `have ${host} ask who serves before it does?`;
    await confirm(context, options.yes, () => shown, question);
    if (options.root !== undefined) await files.applyPlan(plan);
    else if (options.remove) await takeAway();
    else await putInPlace();
  }
  return {
    outcome: findings.some(({ severity }) => severity !== 'info') ? 'warning' : 'ok',
    findings,
    fields: {
      files: plan.files.map(({ path, action, text }) => (options.dryRun ? { path, action, text } : { path, action })),
      dryRun: options.dryRun,
    },
    render: (text) => renderFiles(plan.files, options.dryRun, text),
  };

  async function putInPlace(): Promise<void> {
    await files.applyPlan(plan);
    await systemctl('daemon-reload');
    await systemctl('enable', '--quiet', '--', WATCH_TIMER);
    // One that runs takes up another period only when it is started again.
    await systemctl('restart', '--', WATCH_TIMER);
    const verdict = await askOnce(context);
    // So that it is not asked by the next restart of a mail service; elsewhere mail is not to run in any case.
    if (verdict.kind === 'here') await systemctl('start', '--', GUARD_UNIT);
    if (verdict.kind === 'silent')
      findings.push({
        severity: 'warning',
        code: 'guard-unanswered',
        message: `nobody can say whether '${host}' serves: ${verdict.why}`,
        hint: 'see that the repository and the other host answer: mailrecover standby guard',
        subject: host,
      });
  }

  /** What waits for it first: a mail service that requires the guard would be stopped with it. */
  async function takeAway(): Promise<void> {
    const isOwn = ({ path }: { path: string }): boolean => !path.endsWith('/mailrecover-guard.conf');
    await files.applyPlan({ ...plan, files: plan.files.filter((file) => !isOwn(file)) });
    await systemctl('daemon-reload');
    await systemctl('disable', '--now', '--quiet', '--', WATCH_TIMER).catch(ignored);
    await systemctl('stop', '--', GUARD_UNIT).catch(ignored);
    await files.applyPlan({ ...plan, files: plan.files.filter(isOwn) });
    await systemctl('daemon-reload');
    const { forgetGuard } = await import('../standby/guard/memory.ts');
    forgetGuard(config.state);
  }
}

/** What is not there need not be stopped. */
function ignored(error: unknown): void {
  if (!(error instanceof MailrecoverError)) throw error;
}
