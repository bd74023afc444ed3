/** A mail as those who have something to tell hand it in, and as it goes out. */
import { randomBytes } from 'node:crypto';
import { now } from '../system/clock.ts';

export interface Attachment {
  filename: string;
  contentType: string;
  content: Uint8Array;
  /** For pictures in the HTML part (`<img src="cid:…">`); without it, it is a file to open. */
  cid?: string;
}

/** What a message reports, for services that keep count of what is open. */
export interface NotifyEvent {
  /** The same for a problem and for its end: `mx1/backup`. */
  key: string;
  host: string;
  /** The command that it is about, where it is about one. */
  command?: string;
  outcome: 'ok' | 'warning' | 'partial' | 'failed';
  /** One line that says it. */
  summary: string;
}

export interface Message {
  subject: string;
  /** What a terminal shows. Every mail has it. */
  text: string;
  html?: string;
  attachments?: readonly Attachment[];
  /** Addresses, without names. */
  to: readonly string[];
  /** More headers: `X-Mailrecover-Status` … */
  headers?: Readonly<Record<string, string>>;
  /** What it reports; a test reports nothing. */
  events?: readonly NotifyEvent[];
}

/** A message with what makes it the same one however often it is tried. */
export interface OutgoingMail extends Message {
  /** Names it in the spool and in its Message-ID, so that a mail that went out twice can be known by it. */
  id: string;
  /** When it was written, milliseconds since 1970. */
  writtenAt: number;
}

/** Gives a message its name and time. Names sort by time. */
export function outgoing(message: Message): OutgoingMail {
  const writtenAt = now();
  return { ...message, id: `${writtenAt.toString(36).padStart(9, '0')}-${randomBytes(6).toString('hex')}`, writtenAt };
}
