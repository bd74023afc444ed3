/** A report behind a link: the page lies where the recipients alone can read it, and the mail says little. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Message } from '../../notify/message.ts';
import type { Report } from '../../report/report/model.ts';
import { textHelpers } from '../../report/text/helpers.ts';
import type { Lang } from '../../report/words/index.ts';
import { isoTime, now } from '../../system/clock.ts';
import { makeDirectory } from '../../system/files.ts';
import { choosePlace, linkPlaces } from '../links/places.ts';
import type { CommandContext } from '../types.ts';
import { writePage, writePdf } from './forms.ts';

export interface Linked {
  message: Message;
  /** Undefined where there is no link. */
  link: { id: string; expiresAt: string } | undefined;
  findings: readonly Finding[];
}

/** A place that is no further after this is given up: the summary must get out. */
const PATIENCE_MS = 60_000;

/** The message with a link in place of what it says; the message as it is, with a word about it, where there can be none. */
export async function linked(context: CommandContext, report: Report, message: Message, placeName: string, lang: Lang): Promise<Linked> {
  const { words, time } = textHelpers({ color: false, lang });
  const says = words.report.link;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const { url, id, expiresAt, notes, findings } = await upload(context, report, message, placeName, lang, patience);
    const { html: _html, attachments: _attachments, ...rest } = message;
    return {
      message: { ...rest, text: `${message.subject}\n\n${says.read(time(expiresAt))}\n\n${url}\n\n${says.takeBack(id)}\n` },
      link: { id, expiresAt },
      findings: [...findings, ...notes.map((note) => ({ severity: 'warning' as const, code: 'link-note', message: note, subject: id }))],
    };
  } catch (error) {
    context.signal.throwIfAborted();
    const isOurs = error instanceof MailrecoverError && error.code !== 'bug';
    if (!isOurs && !patience.aborted) throw error;
    const why = isOurs ? error.message : `it took longer than ${PATIENCE_MS / 1000} s`;
    const hint = isOurs && error.hint !== undefined ? error.hint : 'mailrecover links create FILE --to ADDRESS';
    const finding: Finding = {
      severity: 'warning',
      code: 'link-failed',
      message: `the report went out itself, without a link: ${why}`,
      hint,
    };
    return { message: { ...message, text: `${says.failed(why)}\n\n${message.text}` }, link: undefined, findings: [finding] };
  }
}

async function upload(
  context: CommandContext,
  report: Report,
  message: Message,
  placeName: string,
  lang: Lang,
  patience: AbortSignal,
): Promise<{ url: string; id: string; expiresAt: string; notes: readonly string[]; findings: readonly Finding[] }> {
  const { state, places } = await linkPlaces(context, AbortSignal.any([context.signal, patience]));
  const place = choosePlace(places, placeName);
  const readers = message.to.map((address) => address.toLowerCase());
  if (readers.length === 0)
    throw new MailrecoverError('usage', 'nobody is named who could read it', { hint: "name them with --to ADDRESS, or as 'notify.to'" });
  const { createLink } = await import('../../notify/links/links.ts');
  await makeDirectory(join(state, 'links'));
  const directory = await mkdtemp(join(state, 'links', 'report-'));
  try {
    const file = join(directory, `report.${place.body}`);
    const { path, findings } =
      place.body === 'pdf' ? await writePdf(report, file, lang) : { path: await writePage(report, file, lang), findings: [] };
    const name = `mailrecover-${report.by.replace(/[^A-Za-z0-9.-]/g, '_')}-${report.madeAt.slice(0, 10)}.${place.body}`;
    const expiresAt = now() + place.expires * 1000;
    const { link, notes } = await createLink({ state, place, path, name, readers, expiresAt, encrypted: false });
    return { url: link.url ?? '', id: link.id, expiresAt: isoTime(link.expiresAt), notes, findings };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
