/** Messages that are made in English where they arise, and how they are said in Japanese; `{0}` or `{name}` stands for a part. */
import { backup } from './backup.ts';
import { cli } from './cli.ts';
import { commandsCare } from './commands-care.ts';
import { commandsRestore } from './commands-restore.ts';
import { commandsSetup } from './commands-setup.ts';
import { commandsStandby } from './commands-standby.ts';
import { commandsTell } from './commands-tell.ts';
import { config } from './config.ts';
import { health } from './health.ts';
import { drill } from './drill.ts';
import { mail } from './mail.ts';
import { notifyOauth } from './notify-oauth.ts';
import { notifyRefusals } from './notify-refusals.ts';
import { notify } from './notify.ts';
import { repositoryCare } from './repository-care.ts';
import { repositoryCheck } from './repository-check.ts';
import { repositoryObjects } from './repository-objects.ts';
import { repositoryTargets } from './repository-targets.ts';
import { repository } from './repository.ts';
import { restore } from './restore.ts';
import { runs } from './runs.ts';
import { schedule } from './schedule.ts';
import { standbyGuard } from './standby-guard.ts';
import { standbyDsync } from './standby-dsync.ts';
import { standbyLease } from './standby-lease.ts';
import { standbyCloud } from './standby-cloud.ts';
import { standbyRehearse } from './standby-rehearse.ts';
import { standbyPromote } from './standby-promote.ts';
import { standbyPrepare } from './standby-prepare.ts';
import { standby } from './standby.ts';
import { status } from './status.ts';
import { store } from './store.ts';
import { system } from './system.ts';
import { verify } from './verify.ts';

export const MESSAGES: readonly (readonly [string, string])[] = [
  ...status,
  ...repository,
  ...mail,
  ...health,
  ...runs,
  ...backup,
  ...cli,
  ...commandsCare,
  ...commandsRestore,
  ...commandsSetup,
  ...commandsStandby,
  ...commandsTell,
  ...drill,
  ...config,
  ...notify,
  ...notifyOauth,
  ...notifyRefusals,
  ...repositoryCare,
  ...repositoryCheck,
  ...repositoryObjects,
  ...repositoryTargets,
  ...restore,
  ...schedule,
  ...standby,
  ...standbyDsync,
  ...standbyPrepare,
  ...standbyGuard,
  ...standbyLease,
  ...standbyCloud,
  ...standbyRehearse,
  ...standbyPromote,
  ...store,
  ...system,
  ...verify,
];
