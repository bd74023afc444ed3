/** A folder name in IMAP's modified UTF-7 (RFC 3501 section 5.1.3). */
export function encodeUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (part) => {
    if (part === '&') return '&-';
    const units = Buffer.from(part, 'utf16le').swap16();
    return `&${units.toString('base64').replace(/=+$/, '').replace(/\//g, ',')}-`;
  });
}

/** The folder name that modified UTF-7 stands for. */
export function decodeUtf7(name: string): string {
  return name.replace(/&([^-]*)-/g, (_, encoded: string) => {
    if (encoded === '') return '&';
    const units = Buffer.from(encoded.replace(/,/g, '/'), 'base64');
    return units
      .subarray(0, units.length & ~1)
      .swap16()
      .toString('utf16le');
  });
}
