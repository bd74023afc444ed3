import type { Dovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { makeMail } from '../support/mail.ts';

const FOLDERS = ['Sent', 'Archive/2025/Q1', '受信済み/請求書', 'Neubau Süd', '% & more'];

/** Uses a mailbox as its owner would: mail comes by LMTP and IMAP, gets flags and keywords, is moved and expunged. */
export async function use(server: Dovecot, user: string, seed: string): Promise<void> {
  const name = (folder: string): string => server.prefix + folder.replaceAll('/', server.separator);
  const lmtp = await Lmtp.connect(server);
  const client = await Imap.login(server, user);
  for (const [number, folder] of FOLDERS.entries()) {
    await client.create(name(folder)).catch(() => undefined);
    await client.subscribe(name(folder));
    for (let index = 0; index < 4; index++) {
      const { bytes, date } = makeMail(`${seed} ${user}`, number * 10 + index);
      const text = Buffer.from(bytes.toString('latin1').replace(/\n/g, '\r\n'), 'latin1');
      await client.append(name(folder), text, index % 2 === 0 ? ['\\Seen', '$label1'] : [], date);
      await lmtp.deliver(bytes, user);
    }
  }
  await client.select('INBOX');
  const uids = [...(await client.headers('Message-ID')).keys()];
  await client.store(uids.slice(0, 5).join(','), '+', ['\\Flagged', 'Junk', `of-${seed}`]);
  await client.move(uids.slice(5, 8).join(','), name('Archive/2025/Q1'));
  await client.expunge(uids.slice(8, 10).join(','));
  await client.close();
  await lmtp.close();
}
