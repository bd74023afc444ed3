import { type Person, person } from './people.ts';
import { ALNUM, BASE64, HEX, type Random } from './random.ts';
import type { MessageWriter } from './writer.ts';

export interface Envelope {
  from: number;
  to: string;
  /** Milliseconds since 1970. */
  time: number;
  /** How many different attachments lie around that many people get. */
  sharedAttachments: number;
  /** Plain text without attachments, about 2 KB with its headers. */
  short: boolean;
}

const LARGEST_ATTACHMENT = 12 << 20;
/** Answers quote one of so many mails that came before. */
const QUOTABLE = 12;

/** Writes one message into `writer`: headers as servers leave them, and a body of the kind its sender writes. */
export function writeMessage(writer: MessageWriter, random: Random, { from, to, time, sharedAttachments, short }: Envelope): void {
  writer.reset();
  const sender = person(from);
  if (short) return note(writer, random, sender, to, time);
  const attached = sender.kind !== 'bulk' && random.chance(0.13);
  const size = Math.min(200_000, random.logNormal(sender.kind === 'bulk' ? 5000 : 1900, 0.95));
  headers(writer, random, sender, to, time);
  const boundary = `=_${sender.boundary}_${random.token(16, HEX)}`;
  if (attached) {
    writer.text(`Content-Type: multipart/mixed; boundary="${boundary}"\n\n`);
    writer.text(`--${boundary}\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n`);
    body(writer, random, sender, size);
    for (let parts = random.chance(0.2) ? 2 : 1; parts > 0; parts--) attachment(writer, random, sender, boundary, sharedAttachments);
    writer.text(`--${boundary}--\n`);
  } else if (sender.kind === 'bulk') {
    writer.text('Content-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n');
    bulk(writer, random, sender, size);
  } else if (sender.kind === 'html') {
    writer.text(`Content-Type: multipart/alternative; boundary="${boundary}"\n\n`);
    alternative(writer, random, sender, size * 0.7, boundary);
  } else {
    writer.text('Content-Type: text/plain; charset=UTF-8; format=flowed\nContent-Transfer-Encoding: 8bit\n\n');
    body(writer, random, sender, size);
  }
}

function note(writer: MessageWriter, random: Random, sender: Person, to: string, time: number): void {
  headers(writer, random, sender, to, time);
  writer.text('Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n');
  writer.prose(Math.min(20_000, random.logNormal(350, 0.8)), sender, random);
}

function headers(writer: MessageWriter, random: Random, sender: Person, to: string, time: number): void {
  const date = new Date(time).toUTCString().replace('GMT', '+0000');
  const local = to.slice(to.indexOf('@') + 1);
  writer.text(`Return-Path: <${sender.address}>\nDelivered-To: ${to}\n`);
  writer.text(
    `Received: from mail.${local} ([127.0.0.1])\n\tby mail.${local} with LMTP\n\tid ${random.token(22, BASE64)}\n` +
      `\t(envelope-from <${sender.address}>)\n\tfor <${to}>; ${date}\n`,
  );
  writer.text(
    `Received: from ${sender.relay} (${sender.relay} [${sender.address4}])\n` +
      `\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\n` +
      `\t(No client certificate requested)\n\tby mail.${local} (Postfix) with ESMTPS id ${random.token(10, HEX)}\n\tfor <${to}>; ${date}\n`,
  );
  if (sender.dkim) {
    writer.text(
      `Authentication-Results: mail.${local};\n\tdkim=pass (2048-bit key) header.d=${sender.domain} header.i=@${sender.domain}\n` +
        `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${sender.domain};\n\ts=s${sender.boundary.slice(0, 4)}; t=${Math.floor(time / 1000)};\n` +
        `\th=from:from:reply-to:subject:subject:date:date:message-id:message-id:\n\t to:to:cc:mime-version:mime-version;\n` +
        `\tbh=${random.token(43, BASE64)}=;\n\tb=${Array.from({ length: 5 }, () => random.token(68, BASE64)).join('\n\t ')}==\n`,
    );
  }
  writer.text(`From: ${sender.name} <${sender.address}>\nTo: ${to}\nSubject: `);
  if (random.chance(0.35)) writer.text('Re: ');
  for (let words = 2 + random.below(6); words > 0; words--) {
    writer.text(sender.vocabulary.words[sender.vocabulary.zipf[random.below(65_536)] ?? 0] ?? '');
  }
  writer.text(`\nDate: ${date}\nMessage-ID: <${random.token(24, ALNUM)}@${sender.domain}>\n`);
  if (random.chance(0.35)) writer.text(`In-Reply-To: <${random.token(20, ALNUM)}@${to.slice(to.indexOf('@') + 1)}>\n`);
  if (sender.kind === 'bulk') {
    writer.text(
      `List-Unsubscribe: <https://click.${sender.domain}/u/${random.token(24, ALNUM)}>\nPrecedence: bulk\nList-Id: <${sender.boundary}.${sender.domain}>\n`,
    );
  }
  writer.text(`${sender.agent}MIME-Version: 1.0\n`);
}

function body(writer: MessageWriter, random: Random, sender: Person, size: number): void {
  const start = writer.length;
  writer.prose(size * 0.75, sender, random);
  const own = writer.length;
  const earlier = random.chance(0.45) ? writer.quotable[random.below(writer.quotable.length)] : undefined;
  if (earlier) writer.text(`\n> ${earlier.replaceAll('\n', '\n> ')}\n`);
  if (random.chance(0.7)) writer.text(sender.signature);
  writer.quotable[random.below(QUOTABLE)] = writer.bytes.toString('utf8', start, Math.min(own, start + 2500));
}

/** The same words twice, as text and as HTML. */
function alternative(writer: MessageWriter, random: Random, sender: Person, size: number, boundary: string): void {
  writer.text(`--${boundary}\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n`);
  const start = writer.length;
  body(writer, random, sender, size);
  const paragraphs = writer.bytes.toString('utf8', start, writer.length).split('.\n');
  writer.text(`--${boundary}\nContent-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n<html><body>\n`);
  for (const paragraph of paragraphs) writer.text(`<p class="MsoNormal"><span style="font-size:11pt">${paragraph}</span></p>\n`);
  writer.text(`</body></html>\n--${boundary}--\n`);
}

function bulk(writer: MessageWriter, random: Random, sender: Person, size: number): void {
  const token = random.token(22, ALNUM);
  const pieces = sender.template.replaceAll('%', token).split('@\n');
  pieces.forEach((piece, index) => {
    writer.text(piece);
    if (index < pieces.length - 1) writer.prose(size / pieces.length, sender, random);
  });
}

function attachment(writer: MessageWriter, random: Random, sender: Person, boundary: string, shared: number): void {
  const common = shared > 0 && random.chance(0.12);
  const seed = common ? `shared ${random.below(shared)}` : random.token(16, HEX);
  const type = random.pick(['application/pdf', 'image/jpeg', 'image/png', 'application/zip']);
  writer.text(
    `\n--${boundary}\nContent-Type: ${type}; name="${seed.slice(-6)}"\nContent-Disposition: attachment; filename="${seed.slice(-6)}"\n`,
  );
  if (!common && random.chance(0.15)) {
    // a log, a patch, a table: text that nobody encoded
    writer.text('Content-Transfer-Encoding: 8bit\n\n');
    return writer.prose(Math.min(LARGEST_ATTACHMENT, random.logNormal(20_000, 1.2)), sender, random);
  }
  writer.text('Content-Transfer-Encoding: base64\n\n');
  writer.base64(common ? sharedSize(seed) : Math.min(LARGEST_ATTACHMENT, random.logNormal(12_000, 1.5)), seed);
}

/** What many people get is larger than the rest, and the same size for all. */
function sharedSize(seed: string): number {
  let hash = 7;
  for (const char of seed) hash = (hash * 31 + char.charCodeAt(0)) % 1_000_003;
  return 20_000 + ((hash * 7919) % 250_000);
}
