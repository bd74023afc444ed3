import type { Words } from '../index.ts';
import { common } from './common.ts';
import { page } from './page.ts';
import { report } from './report.ts';
import { status } from './status.ts';

export const ja: Words = { common, page, report, status };
