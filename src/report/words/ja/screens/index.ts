/** What screens say by themselves (`text.say`), and how it is said in Japanese. */
import { backup } from './backup.ts';
import { commandsCare } from './commands-care.ts';
import { commandsRestore } from './commands-restore.ts';
import { commandsSetup } from './commands-setup.ts';
import { commandsStandby } from './commands-standby.ts';
import { commandsTell } from './commands-tell.ts';
import { standbyCloud } from './standby-cloud.ts';
import { drill } from './drill.ts';

export const SCREENS: readonly (readonly [string, string])[] = [
  ...backup,
  ...commandsCare,
  ...commandsRestore,
  ...commandsSetup,
  ...commandsStandby,
  ...commandsTell,
  ...standbyCloud,
  ...drill,
];
