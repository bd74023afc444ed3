/**
 * The colours of the page, the mail and its pictures. A test computes the contrast of every pair that is used
 * (WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what must be told apart).
 */
import type { Level } from '../../metrics/model.ts';

export interface Theme {
  /** Behind everything, and behind cards. */
  page: string;
  card: string;
  /** Behind commands and table heads. */
  inset: string;
  line: string;
  ink: string;
  muted: string;
  /** Links, bars and lines. */
  accent: string;
  /** The area below a line. */
  wash: string;
  /** Text and signs of a level, and the tint that they stand on. */
  levels: Readonly<Record<Level, { ink: string; tint: string }>>;
}

export const LIGHT: Theme = {
  page: '#f5f6f8',
  card: '#ffffff',
  inset: '#f0f2f5',
  line: '#dfe3e9',
  ink: '#191d24',
  muted: '#58616f',
  accent: '#2f5fa8',
  wash: '#e3ebf7',
  levels: {
    ok: { ink: '#17703f', tint: '#e4f4ea' },
    warning: { ink: '#855300', tint: '#fcf1d8' },
    failed: { ink: '#b3261e', tint: '#fdeae8' },
  },
};

export const DARK: Theme = {
  page: '#101318',
  card: '#181c23',
  inset: '#20252e',
  line: '#2d333e',
  ink: '#e9ecf1',
  muted: '#a3acb9',
  accent: '#82aef0',
  wash: '#22304a',
  levels: {
    ok: { ink: '#62d196', tint: '#12291d' },
    warning: { ink: '#f0bb58', tint: '#2e2410' },
    failed: { ink: '#ff9187', tint: '#381a18' },
  },
};

/** For pictures in mails, whose background the reader's program chooses: told apart from white and from black alike. */
export const PICTURE = { bar: '#3f7cc8', failed: '#d9483b', goal: '#a3772f', axis: '#8a93a0' } as const;
