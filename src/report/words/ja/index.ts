import type { Words } from '../index.ts';
import { common } from './common.ts';
import { report } from './report.ts';

export const ja: Words = { common, report };
