import { commands } from './commands.ts';
import { common } from './common.ts';
import { page } from './page.ts';
import { report } from './report.ts';
import { status } from './status.ts';

export const en = { commands, common, page, report, status };
