/** The letters of a PDF: BIZ UDPGothic (Morisawa, SIL Open Font License 1.1), which has Latin, Greek, Cyrillic and Japanese. Only those that are used are embedded. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const FILES = {
  plain: '@expo-google-fonts/biz-udpgothic/400Regular/BIZUDPGothic_400Regular.ttf',
  bold: '@expo-google-fonts/biz-udpgothic/700Bold/BIZUDPGothic_700Bold.ttf',
} as const;

export type Face = keyof typeof FILES;

/** Stands for a letter that the font does not have. */
const UNKNOWN = '□';

export async function readFonts(): Promise<Record<Face, Buffer>> {
  const { resolve } = createRequire(import.meta.url);
  const [plain, bold] = await Promise.all([readFile(resolve(FILES.plain)), readFile(resolve(FILES.bold))]);
  return { plain, bold };
}

/** What a font can tell of itself, as fontkit does. */
export interface Letters {
  hasGlyphForCodePoint(codePoint: number): boolean;
}

/** Texts with a sign in place of each letter that the font does not have. @param missing those letters are added to it */
export function fitting(letters: Letters, missing: Set<string>): (text: string) => string {
  const known = new Map<string, boolean>();
  return (text) => {
    let fitted = '';
    // Controls and what changes the direction of writing are not drawn; narrow blanks are blanks.
    for (const sign of text.replace(/[\p{Cc}\p{Cf}\p{Zs}]/gu, ' ')) {
      let has = known.get(sign);
      if (has === undefined) known.set(sign, (has = letters.hasGlyphForCodePoint(sign.codePointAt(0) ?? 0)));
      if (!has) missing.add(sign);
      fitted += has ? sign : UNKNOWN;
    }
    return fitted;
  };
}
