/** Text made comparable: what people type finds what senders wrote, in either case and in either width. */

const PLAIN = /^[\x20-\x7e]*$/;
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x1f\x7f]+/g;

/** A header's value on one line. */
export function oneLine(text: string): string {
  return PLAIN.test(text) ? text : text.replace(CONTROLS, ' ');
}

/** Lower case, and one form for characters that Unicode has several of (NFKC: full-width and half-width, composed or not). */
export function fold(text: string): string {
  return PLAIN.test(text) ? text.toLowerCase() : oneLine(text).normalize('NFKC').toLowerCase();
}

/** A Message-ID without angle brackets, folded. */
export function foldMessageId(text: string): string {
  return fold(text.trim().replace(/^<|>$/g, ''));
}
