/** What the mailbox at the other end says of a message: whom it came from, and what was checked. */

export interface Judged {
  /** `spf`, `dkim` and `dmarc` with their results, as the receiver wrote them down (RFC 8601); empty where it wrote nothing. */
  results: Record<string, string>;
  /** The address that the message came from into the last server (RFC 5321, section 4.4); absent where none can be read. */
  from?: string;
  /** Signatures by domain and selector (RFC 6376, section 3.5). */
  signatures: { domain: string; selector: string }[];
}

/** @param text the head of the message */
export function judge(text: string): Judged {
  const fields = text
    .replace(/\r\n/g, '\n')
    .replace(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => ({ name: line.slice(0, line.indexOf(':')).toLowerCase(), value: line.slice(line.indexOf(':') + 1).trim() }));
  const results: Record<string, string> = {};
  // The topmost is that of the last server; what stands below may be anybody's.
  const checked = fields.findIndex(({ name }) => name === 'authentication-results');
  const server = fields[checked]?.value.split(/[\s;]/)[0];
  for (const { name, value } of fields) {
    if (name !== 'authentication-results' || value.split(/[\s;]/)[0] !== server) continue;
    for (const [, method = '', result = ''] of value.matchAll(/[;\s](spf|dkim|dmarc)\s*=\s*(\w+)/gi)) {
      const key = method.toLowerCase();
      // Several signatures: one that is good is enough.
      if (results[key] !== 'pass') results[key] = result.toLowerCase();
    }
  }
  const received = fields
    .filter(({ name }) => name === 'received')
    .map(({ value }) => /^from\s.*?[[(](?:IPv6:)?([0-9a-fA-F.:]+)\]/.exec(value)?.[1]);
  const from = received.find((address) => address !== undefined && !/^(?:127\.|::1$)/.test(address));
  const signatures = fields.flatMap(({ name, value }) => {
    const [domain, selector] = [/(?:^|;)\s*d=([^;\s]+)/.exec(value)?.[1], /(?:^|;)\s*s=([^;\s]+)/.exec(value)?.[1]];
    return name === 'dkim-signature' && domain !== undefined && selector !== undefined ? [{ domain: domain.toLowerCase(), selector }] : [];
  });
  return { results, signatures, ...(from === undefined ? {} : { from }) };
}
