import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import { confirm } from './confirm.ts';
import { placeOf } from './from-config.ts';
import { renderFiles } from './schedule-install.ts';
import { pairOf, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby lease',
  summary: 'serve mail only as long as this host can make sure that it is the one that serves',
  description: [
    'With a lease, a host that was cut off stops its own mail services, so that a switch can be sure of it without asking: it waits until the lease has run out. The fence `lease` under standby.fences does that, where no better one works.',
    'Without options this is the program that holds the lease; systemd runs it. It asks the repository, a few times within standby.lease.seconds, whether this host is the one that serves. When another host does, or is about to by force, it ends at once; when nobody can say so for that long, then. With it systemd stops the mail services, which are bound to it. It waits for the lease as long as the other host serves, so an old host that boots again after a switch does not serve, and it starts the mail services when it has the lease again.',
    'This means that mail stops on a host that works, too, when the repository can not be read for longer than that. Choose the time, and the place of the repository, accordingly.',
    '--install writes the units, on the host that they are for, and starts the lease before mail is bound to it, so that nothing is interrupted. Run it on both hosts.',
  ],
  arguments: {},
  options: {
    install: { kind: 'flag', description: 'write the units of systemd, and start the lease' },
    remove: { kind: 'flag', description: 'take the units away, and write into the repository that this host serves without a lease' },
    root: {
      kind: 'text',
      value: 'DIR',
      description: 'with --install: write the files below this directory in place of /, as for an image; nothing is started',
      complete: 'directory',
    },
    dryRun: { kind: 'flag', description: 'show the files, and change nothing' },
    yes: { kind: 'flag', description: 'do it without asking' },
  },
  examples: [
    { command: 'mailrecover standby lease --install --dry-run', says: 'See the units.' },
    { command: 'mailrecover standby lease --install', says: 'Bind mail on this host to a lease.' },
    { command: 'mailrecover standby lease --remove', says: 'Serve without a lease again.' },
  ],
  exitCodes: {
    0: 'the units are there, or gone; the program itself: it was told to stop',
    1: 'systemd refused, or a file could not be written',
    10: 'there is no repository',
    13: 'the repository can not be reached',
    20: 'the program itself: the lease was lost; with --install or --remove: not confirmed',
  },
  json: {
    'files[].{path,action}': 'with --install or --remove: the files: create, update, keep, remove, or leave for one that somebody changed',
    'files[].text': 'what stands in it (with --dry-run)',
    seconds: 'how long mail is served at most after this host last made sure that it is the one that serves',
    lost: 'how the lease was lost: `lost` to another host, or `expired`',
    dryRun: 'whether nothing was changed',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    if (options.install && options.remove) throw new MailrecoverError('usage', '--install and --remove exclude each other');
    if (options.install || options.remove) return install(context, options);
    return hold(context);
  },
});

async function hold(context: CommandContext): Promise<CommandResult> {
  const config = await context.config();
  const { lease, services, primary } = pairOf(config);
  const { target } = await placeOf(context);
  const [{ holdLease }, { HELD }, { logToSystem, tellSystemd, watchdogPeriod }, { writeDurable }] = await Promise.all([
    import('../standby/lease/hold.ts'),
    import('../standby/lease/units.ts'),
    import('../system/notify-systemd.ts'),
    import('../system/files.ts'),
  ]);
  const host = thisHost(config).name;
  // Typed at a terminal it says what it would do, and starts nothing.
  const isService = watchdogPeriod() !== undefined;
  let waits = '';
  await tellSystemd('--ready');
  const lost = await holdLease({
    target,
    terms: { host, seconds: lease.seconds, stopSeconds: lease.stop, units: services },
    primary: primary.name,
    async onHeld(epoch) {
      context.progress.event('held', { host, epoch });
      await tellSystemd(`--status=${host} serves by a lease of ${lease.seconds} s`);
      if (!isService) return;
      await writeDurable(HELD, '');
      await startMail(context, services);
    },
    async onWaiting(why) {
      if (why === waits) return;
      waits = why;
      context.progress.phase(`waiting for the lease: ${why}`);
      await tellSystemd(`--status=waiting: ${why}`);
    },
    async onTurn(problem) {
      await tellSystemd('WATCHDOG=1');
      if (problem === undefined) return;
      context.progress.phase(problem);
      await logToSystem(`the lease of '${host}' can not be renewed: ${problem}; mail stops within ${lease.seconds} s`);
    },
    signal: context.signal,
  });
  await logToSystem(`the lease of '${host}' is over: ${lost.message}; its mail services are stopped`);
  return {
    outcome: 'failed',
    cause: 'refused',
    findings: [
      { severity: 'error', code: 'lease-lost', message: lost.message, hint: 'see who serves: mailrecover standby status', subject: host },
    ],
    fields: { lost: lost.kind, seconds: lease.seconds },
    render: (text) => text.red(text.bold(text.say`${host} must not serve any more`)),
  };
}

/** What the lease that was lost stopped: the services that this host starts when it boots. */
async function startMail(context: CommandContext, services: readonly string[]): Promise<void> {
  const [{ openHost }, { enabledUnits }, { SERVING_UNIT }] = await Promise.all([
    import('../standby/remote.ts'),
    import('../standby/units.ts'),
    import('../standby/lease/units.ts'),
  ]);
  const here = openHost({ name: 'this host' }, { signal: context.signal });
  await here.run(['systemctl', 'start', '--no-block', '--', SERVING_UNIT, ...(await enabledUnits(here, services))]);
}

const MADE_BY = 'standby lease';

async function install(
  context: CommandContext,
  options: { remove: boolean; root: string | undefined; dryRun: boolean; yes: boolean },
): Promise<CommandResult> {
  const config = await context.config();
  const { lease, services } = pairOf(config);
  const host = thisHost(config).name;
  const { target } = await placeOf(context);
  const [{ leaseUnits, LEASE_UNIT, SERVING_UNIT }, files, { systemctl }, { systemdWord }, { programPath }] = await Promise.all([
    import('../standby/lease/units.ts'),
    import('../schedule/install.ts'),
    import('./schedule/place.ts'),
    import('../schedule/quote.ts'),
    import('../system/program.ts'),
  ]);
  const directory = join(options.root ?? '/', 'etc/systemd/system');
  const command = [programPath(), '--config', context.configPath, ...MADE_BY.split(' ')].map(systemdWord);
  const units = leaseUnits({ command, seconds: lease.seconds, stopSeconds: lease.stop, services }).map(({ path, text }) => ({
    path: join(directory, path),
    text,
  }));
  const present = units.map(({ path }) => path);
  const plan = files.planFiles(options.remove ? [] : units, context.configPath, present, `${MADE_BY} --install`);
  const fields = {
    files: plan.files.map(({ path, action, text }) => (options.dryRun ? { path, action, text } : { path, action })),
    seconds: lease.seconds,
    dryRun: options.dryRun,
  };
  const shown = plan.files.map(({ path, action }) => `${action}  ${path}`).join('\n');
  if (!options.dryRun) {
    await confirm(
      context,
      options.yes,
      () => shown,
      options.remove ? `serve without a lease on ${host}?` : `bind mail on ${host} to a lease of ${lease.seconds} s?`,
    );
    if (options.root !== undefined) await files.applyPlan(plan);
    else if (options.remove) await unbind(plan);
    else await bind(plan);
  }
  return {
    outcome: plan.findings.length > 0 ? 'warning' : 'ok',
    findings: plan.findings,
    fields,
    render: (text) => renderFiles(plan.files, options.dryRun, text),
  };

  type Files = typeof plan;

  function isOurs({ path }: Files['files'][number]): boolean {
    return path.endsWith(`/${LEASE_UNIT}`) || path.endsWith(`/${SERVING_UNIT}`);
  }

  /** The lease first, and then what is bound to it: a unit that runs is not stopped by being bound to one that runs. */
  async function bind(all: Files): Promise<void> {
    await files.applyPlan({ ...all, files: all.files.filter(isOurs) });
    await systemctl('daemon-reload');
    await systemctl('enable', '--now', '--quiet', '--', LEASE_UNIT);
    const { readEpoch } = await import('../standby/epoch.ts');
    const { mayServe } = await import('../standby/lease/hold.ts');
    // Elsewhere the lease waits, for as long as the other host serves.
    if (mayServe(await readEpoch(target), host, pairOf(config).primary.name)) await systemctl('start', '--', SERVING_UNIT);
    await files.applyPlan({ ...all, files: all.files.filter((file) => !isOurs(file)) });
    await systemctl('daemon-reload');
  }

  /** The other way round: while mail is bound, the lease must not end. */
  async function unbind(all: Files): Promise<void> {
    const { readEpoch } = await import('../standby/epoch.ts');
    const { putPledge, readPledge } = await import('../standby/lease/pledge.ts');
    const { activeEpoch } = await readEpoch(target);
    if ((await readPledge(target, activeEpoch, host)) !== undefined)
      await putPledge(target, activeEpoch, { host, seconds: lease.seconds, stopSeconds: lease.stop, units: services, ended: true });
    await files.applyPlan({ ...all, files: all.files.filter((file) => !isOurs(file)) });
    await systemctl('daemon-reload');
    await systemctl('disable', '--now', '--quiet', '--', SERVING_UNIT, LEASE_UNIT).catch((error: unknown) => {
      if (!(error instanceof MailrecoverError)) throw error;
    });
    await files.applyPlan({ ...all, files: all.files.filter(isOurs) });
    await systemctl('daemon-reload');
  }
}
