/** What the network answers, in words. */
const MEANING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers on that port',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to its network',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  ERR_STREAM_PREMATURE_CLOSE: 'it closed the connection',
};

/** The meaning of a system error's code, or undefined where it is none of the network's. */
export function networkMeaning(code: string | undefined): string | undefined {
  return code === undefined ? undefined : MEANING[code];
}
