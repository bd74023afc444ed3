import { common } from './common.ts';
import { report } from './report.ts';
import { status } from './status.ts';

export const en = { common, report, status };
