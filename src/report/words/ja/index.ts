import type { Words } from '../index.ts';
import { commands } from './commands.ts';
import { common } from './common.ts';
import { page } from './page.ts';
import { report } from './report.ts';
import { status } from './status.ts';

export const ja: Words = { commands, common, page, report, status };
