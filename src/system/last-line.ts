/** The last line of what a program said, as it may be shown: without control characters, at most 200 characters of it. */
export function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  // oxlint-disable-next-line no-control-regex
  const shown = line.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
  return shown.trim().slice(0, 200);
}
