import { renderFiles } from './schedule-install.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'schedule remove',
  summary: 'take away what schedule install made',
  description: [
    'Stops and disables the units of this configuration and removes their files, or the file for cron: exactly those that `schedule install` made and that nobody changed since. Others are left as they are, and named.',
  ],
  arguments: {},
  options: {
    root: { kind: 'text', value: 'DIR', description: 'look below this directory in place of /', complete: 'directory' },
    dryRun: { kind: 'flag', description: 'show what would be removed' },
  },
  examples: [{ command: 'mailrecover schedule remove --dry-run', says: 'See what would go.' }],
  exitCodes: { 0: 'removed, perhaps with files that were left as they are', 1: 'a file could not be removed, or systemd refused' },
  json: { 'files[].{path,action}': 'the files: remove, or leave for one that was changed', dryRun: 'whether nothing was changed' },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const [{ hostOf }, { filesPlace, reloadSystemd, startedUnits, systemctl }, files, { forgetInstalled }] = await Promise.all([
      import('./schedule/from-config.ts'),
      import('./schedule/place.ts'),
      import('../schedule/install.ts'),
      import('../schedule/record.ts'),
    ]);
    const host = hostOf(context, config);
    const places = [true, false].flatMap((crontab) => {
      const place = filesPlaceIfAny(() => filesPlace({ root: options.root, crontab }));
      return place === undefined ? [] : [place];
    });
    const directories = [...new Map(places.map((place) => [place.directory, place])).values()];
    const plan = files.planFiles(
      [],
      host.config,
      directories.flatMap(({ directory }) => files.presentFiles(directory, host.name)),
      'schedule install',
    );
    if (!options.dryRun) {
      const systemd = directories.some(({ scheduler, elsewhere }) => scheduler === 'systemd' && !elsewhere);
      const stopped = startedUnits(plan.files);
      if (systemd && stopped.length > 0) await systemctl('disable', '--now', '--quiet', '--', ...stopped);
      await files.applyPlan(plan);
      if (systemd && plan.files.some(({ action }) => action === 'remove')) await reloadSystemd();
      if (options.root === undefined) forgetInstalled(config.state);
    }
    return {
      outcome: plan.findings.length > 0 ? 'warning' : 'ok',
      counts: { removed: plan.files.filter(({ action }) => action === 'remove').length },
      findings: plan.findings,
      fields: { files: plan.files.map(({ path, action }) => ({ path, action })), dryRun: options.dryRun },
      render: (text) => (plan.files.length === 0 ? text.say`nothing is installed` : renderFiles(plan.files, false, text)),
    };
  },
});

function filesPlaceIfAny<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}
