/** Lines end with CRLF on the wire (RFC 3501 section 4.3). */
export function withCrLf(content: Buffer): Buffer {
  const text = content.toString('latin1');
  return Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');
}
