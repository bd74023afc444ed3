import type { Words } from '../index.ts';
import { n } from './number.ts';

export const common: Words['common'] = {
  and: '、',
  justNow: 'たった今',
  ago: (span) => `${span}前`,
  none: 'なし',
  never: '未実施',
  unknown: '不明',
  error: 'エラー:',
  warning: '警告:',
  note: '参考:',
  hint: '対処:',
  more: (left) => `ほかに ${n(left)} 件あります。--verbose または --json ですべて表示します`,
};
