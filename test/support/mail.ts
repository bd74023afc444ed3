import { type Attachment, attachment } from './attachments.ts';
import { encodeWords, fold, iso2022jp } from './headers.ts';
import { Random } from './random.ts';
import { Output, writeText } from './text.ts';
import { phrase, vocabulary } from './words.ts';

export type MailKind = 'plain' | 'quoted' | 'latin1' | 'utf8' | 'japanese' | 'jis' | 'alternative' | 'mixed' | 'forwarded';

/** One made message, as it lies on disk (lines end with LF). */
export interface Mail {
  bytes: Buffer;
  /** With its angle brackets. */
  messageId: string;
  /** Milliseconds since 1970, whole seconds: what stands in `Date`. */
  date: number;
  /** The addresses alone. */
  from: string;
  to: string;
  /** As a reader sees it, decoded. */
  subject: string;
  kind: MailKind;
}

export interface MailWishes {
  /** Aim at this many bytes in all; by default log-normal with {@link median} and {@link sigma}. */
  size?: number;
  /** Half of all messages are smaller; 5,000 bytes by default. */
  median?: number;
  /** Spread of the logarithm; 1.43 by default, which gives a mean of 14 KB and a tail to megabytes. */
  sigma?: number;
  kind?: MailKind;
  from?: string;
  to?: string;
  subject?: string;
  date?: number;
  messageId?: string;
  /** Header lines put first, without line ends. */
  headers?: string[];
  /** How many attachments of a hundred come from a pool that all mail of this seed shares; 30 by default. */
  sharedAttachments?: number;
}

/** 2026-10-01, one day before which the newest made mail lies. */
const NEWEST = Date.UTC(2026, 9, 1) / 1000;
const YEARS = 6 * 365 * 86_400;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const output = new Output();

/** Message number `index` of a seed: always the same bytes, whichever others were made before. */
export function makeMail(seed: string, index: number, wishes: MailWishes = {}): Mail {
  const random = new Random(`${seed}/${index}`);
  const latin = vocabulary(seed, 'latin');
  const size = wishes.size ?? Math.min(30e6, Math.round((wishes.median ?? 5000) * Math.exp((wishes.sigma ?? 1.43) * random.normal())));
  const kind = wishes.kind ?? chooseKind(random, size);
  const japanese = kind === 'japanese' || kind === 'jis' || random.chance(0.05);
  const words = japanese ? vocabulary(seed, 'japanese') : latin;
  const from = wishes.from ?? address(seed, random);
  const to = wishes.to ?? address(seed, random);
  const date = wishes.date ?? (NEWEST - Math.floor(random.float() ** 1.5 * YEARS)) * 1000;
  const subject =
    wishes.subject ?? (random.chance(0.3) ? 'Re: ' : '') + phrase(words, random, 1 + random.int(japanese ? 6 : 9), japanese ? '' : ' ');
  const messageId = wishes.messageId ?? `<${random.hex(8)}.${random.hex(12)}.${index}@${domainOf(from)}>`;
  const mail: Mail = { bytes: output.take(), messageId, date, from, to, subject, kind };
  writeHeader(output, mail, random, latin.words, wishes);
  writeBody(output, seed, mail, random, Math.max(200, size - output.length), wishes.sharedAttachments ?? 30);
  return { ...mail, bytes: output.take() };
}

function chooseKind(random: Random, size: number): MailKind {
  const dice = random.float();
  if (size > 16_000) return dice < 0.78 ? 'mixed' : dice < 0.9 ? 'alternative' : dice < 0.95 ? 'forwarded' : 'plain';
  if (dice < 0.3) return 'plain';
  if (dice < 0.62) return 'alternative';
  if (dice < 0.7) return 'quoted';
  if (dice < 0.76) return 'latin1';
  if (dice < 0.82) return 'utf8';
  if (dice < 0.9) return 'japanese';
  if (dice < 0.93) return 'jis';
  return dice < 0.97 ? 'mixed' : 'forwarded';
}

/** An address out of some thousands; a few of them write most of the mail. */
function address(seed: string, random: Random): string {
  const person = Math.floor(random.float() ** 3 * 4000);
  const { words } = vocabulary(seed, 'latin');
  const pick = (number: number): string => words[(number * 7919 + 11) % words.length] ?? 'someone';
  return `${pick(person)}.${pick(person + 5000)}@${pick(person % 300)}.example`;
}

function domainOf(mailAddress: string): string {
  return mailAddress.slice(mailAddress.indexOf('@') + 1);
}

/** RFC 5322 section 3.3. */
export function mailDate(date: number, zone = '+0000'): string {
  const minutes = (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3))) * (zone.startsWith('-') ? -1 : 1);
  const at = new Date(date + minutes * 60_000);
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
  return `${DAYS[at.getUTCDay()] ?? ''}, ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ''} ${at.getUTCFullYear()} ${time} ${zone}`;
}

function writeHeader(out: Output, mail: Mail, random: Random, names: readonly string[], wishes: MailWishes): void {
  const zone = random.pick(['+0000', '+0100', '+0200', '+0900', '+0900', '-0500', '-0800', '+0530']);
  const lines = [...(wishes.headers ?? []), `Return-Path: <${mail.from}>`];
  const hops = 1 + random.int(3);
  for (let hop = 0; hop < hops; hop++) {
    const peer = `${random.pick(names)}.${domainOf(mail.from)}`;
    lines.push(
      `Received: from ${peer} (${peer} [192.0.2.${random.int(256)}])\n\tby mx${1 + random.int(4)}.${domainOf(mail.to)} (Postfix) with ESMTPS id ${random.hex(11).toUpperCase()}\n\tfor <${mail.to}>; ${mailDate(mail.date + (hops - hop) * 1000)}`,
    );
  }
  if (random.chance(0.6)) lines.push(signature(mail, random));
  lines.push(`Date: ${mailDate(mail.date, zone)}`);
  const name = random.chance(0.15)
    ? encodeWords(phrase(vocabulary('names', 'japanese'), random, 2, ' '))
    : `${random.pick(names)} ${random.pick(names)}`;
  lines.push(`From: ${name} <${mail.from}>`);
  const others = random.chance(0.2)
    ? Array.from({ length: 1 + random.int(9) }, () => `${random.pick(names)}@${random.pick(names)}.example`)
    : [];
  lines.push(fold(`To: ${[mail.to, ...others].join(', ')}`));
  lines.push(fold(`Subject: ${mail.kind === 'jis' ? encodeWords(mail.subject, 'iso-2022-jp') : encodeWords(mail.subject)}`));
  lines.push(`Message-ID: ${mail.messageId}`);
  if (mail.subject.startsWith('Re: ')) {
    const earlier = Array.from({ length: 1 + random.int(6) }, () => `<${random.hex(24)}@${random.pick(names)}.example>`);
    lines.push(`In-Reply-To: ${earlier[0] ?? ''}`, fold(`References: ${earlier.join(' ')}`));
  }
  if (random.chance(0.3)) lines.push(`X-Mailer: ${random.pick(names)} ${random.int(20)}.${random.int(10)}.${random.int(9999)}`);
  if (random.chance(0.4)) {
    lines.push(
      fold(
        `X-Spam-Status: No, score=${(random.float() * 8 - 4).toFixed(1)} required=5.0 tests=${random.pick(names)},${random.pick(names)}, ${random.pick(names)} autolearn=ham version=4.0.${random.int(3)}`,
      ),
    );
  }
  lines.push('MIME-Version: 1.0');
  out.text(`${lines.join('\n')}\n`);
}

function signature(mail: Mail, random: Random): string {
  const base64 = random.bytes(256).toString('base64');
  const lines = base64.match(/.{1,70}/g) ?? [];
  return `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=${domainOf(mail.from)};\n\ts=s${random.int(99)}; t=${mail.date / 1000}; bh=${random.bytes(32).toString('base64')};\n\th=From:To:Subject:Date;\n\tb=${lines.join('\n\t ')}`;
}

function writeBody(out: Output, seed: string, mail: Mail, random: Random, size: number, shared: number): void {
  const latin = vocabulary(seed, 'latin');
  const japanese = vocabulary(seed, 'japanese');
  const shape = { space: true, width: 60 + random.int(16) };
  switch (mail.kind) {
    case 'plain':
      out.text('Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n');
      writeText(out, latin, random, size * 0.7, shape);
      return writeText(out, latin, random, size * 0.3, { ...shape, prefix: '> ' });
    case 'latin1':
      out.text('Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n');
      return writeText(out, latin, random, size, { ...shape, accent: 0xe9 });
    case 'utf8':
      out.text('Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n');
      return writeText(out, japanese, random, size, { space: false, width: 70 });
    case 'japanese': {
      out.text('Content-Type: text/plain; charset="UTF-8"\nContent-Transfer-Encoding: base64\n\n');
      const inner = new Output();
      writeText(inner, japanese, random, size * 0.74, { space: false, width: 90 });
      return writeBase64(out, inner.take());
    }
    case 'jis': {
      out.text('Content-Type: text/plain; charset=ISO-2022-JP\nContent-Transfer-Encoding: 7bit\n\n');
      const lines = Math.ceil(size / 60);
      for (let line = 0; line < lines; line++) out.raw(Buffer.concat([iso2022jp(kana(random, 10 + random.int(24))), Buffer.from('\n')]));
      return;
    }
    case 'quoted':
      out.text('Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n');
      return writeQuoted(out, seed, random, size);
    default:
      return writeMultipart(out, seed, mail, random, size, shared);
  }
}

/** Hiragana alone: the part of JIS X 0208 that needs no table. */
function kana(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(0x3041 + random.int(83))).join('');
}

function writeQuoted(out: Output, seed: string, random: Random, size: number): void {
  const inner = new Output();
  writeText(inner, vocabulary(seed, 'latin'), random, size * 0.95, { space: true, width: 200, accent: 0xe9 });
  const text = inner.take().toString('latin1').replace(/\xe9/g, '=C3=A9');
  out.text(text.replace(/[^\n]{60,72}(?![^\n]{0,8}$)(?<!=.?)/gm, '$&=\n'), 'latin1');
}

function writeBase64(out: Output, data: Uint8Array): void {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const { bytes: target, at: start } = out.reserve(Math.ceil(data.length / 57) * 80);
  let at = start;
  for (let from = 0; from < bytes.length; from += 57) {
    at += target.write(bytes.toString('base64', from, Math.min(from + 57, bytes.length)), at, 'latin1');
    target[at++] = 10;
  }
  out.advance(at);
}

function writeMultipart(out: Output, seed: string, mail: Mail, random: Random, size: number, shared: number): void {
  const latin = vocabulary(seed, 'latin');
  const boundary = `=_${random.hex(20)}`;
  const type = mail.kind === 'alternative' ? 'alternative' : 'mixed';
  out.text(`Content-Type: multipart/${type};\n\tboundary="${boundary}"\n\nThis is a multi-part message in MIME format.\n`);
  out.text(`--${boundary}\nContent-Type: text/plain; charset=us-ascii\n\n`);
  const words = mail.kind === 'alternative' ? size * 0.3 : Math.min(size * 0.3, 1500 + random.int(1500));
  writeText(out, latin, random, words, { space: true, width: 72 });
  out.text(`\n--${boundary}\n`);
  const left = size - words - 400;
  if (mail.kind === 'alternative') {
    out.text(`Content-Type: text/html; charset=us-ascii\n\n<!DOCTYPE html>\n<html><head><title>${random.hex(8)}</title></head><body>\n`);
    for (let done = 0; done < left; done += 420) {
      out.text(
        `<div class="c${random.int(40)}" style="margin:0 ${random.int(20)}px"><a href="https://${random.hex(6)}.example/${random.hex(10)}">\n`,
      );
      writeText(out, latin, random, 300, { space: true, width: 90 });
      out.text('</a></div>\n');
    }
    out.text('</body></html>\n');
  } else if (mail.kind === 'forwarded') {
    out.text('Content-Type: message/rfc822\nContent-Disposition: inline\n\n');
    out.text(
      `From: ${address(seed, random)}\nTo: ${mail.from}\nSubject: ${encodeWords(phrase(latin, random, 5, ' '))}\nMessage-ID: <${random.hex(20)}@inner.example>\n\n`,
    );
    writeText(out, latin, random, Math.max(100, left), { space: true, width: 72 });
  } else {
    const file: Attachment = attachment(seed, random, Math.max(300, Math.round(left * 0.74)), random.int(100) < shared);
    out.text(
      `Content-Type: ${file.type};\n\tname="${file.name}"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment;\n\tfilename="${file.name}"\n\n`,
    );
    writeBase64(out, file.bytes);
  }
  out.text(`\n--${boundary}--\n`);
}
