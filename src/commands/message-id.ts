/** Whether what names a message is its Message-ID, in angle brackets, rather than an id of ours. */
export function isMessageId(text: string): boolean {
  return /^<[^<>]+>$/.test(text);
}
