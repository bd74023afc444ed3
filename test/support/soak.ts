/** How many rounds a test goes: `few` in `npm test`, `many` in `npm run soak`, or what MAILRECOVER_ROUNDS says. */
export function rounds(few: number, many: number): number {
  const asked = Number(process.env['MAILRECOVER_ROUNDS'] ?? 0);
  if (asked > 0) return asked;
  return process.env['MAILRECOVER_SOAK'] === '1' ? many : few;
}
