import { common } from './common.ts';
import { report } from './report.ts';

export const en = { common, report };
