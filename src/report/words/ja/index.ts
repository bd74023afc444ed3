import type { Words } from '../index.ts';
import { common } from './common.ts';
import { report } from './report.ts';
import { status } from './status.ts';

export const ja: Words = { common, report, status };
