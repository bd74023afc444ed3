/** Where messages lie that `replace` set aside in mailboxes that are no Maildir: in folders of their own, which only it puts anything into. */
import type { ImapFlow } from 'imapflow';

/** Below which folder people see what a run set aside; the server's prefix stands before it. Named by the run, so that nobody has one like it. */
export function asideRoot(run: string): string {
  return `Replaced ${run}`;
}

/** IMAP name of the folder for what is set aside from a folder by a run. */
export function asideFolder({ namespace }: ImapFlow, run: string, folder: string): string {
  const [separator, prefix] = [namespace?.delimiter ?? '/', namespace?.prefix ?? ''];
  const plain = folder.startsWith(prefix) ? folder.slice(prefix.length) : folder;
  return prefix + asideRoot(run) + separator + plain;
}

/** Removes a folder that is empty, and those above it that hold nothing either, up to {@link asideRoot}. */
export async function removeAsideFolder(client: ImapFlow, run: string, folder: string): Promise<void> {
  const separator = client.namespace?.delimiter ?? '/';
  for (let path = folder; path.includes(asideRoot(run)); path = path.slice(0, Math.max(0, path.lastIndexOf(separator)))) {
    const listed = await client.list();
    const entry = listed.find((each) => each.path === path);
    if (entry === undefined) continue;
    if (listed.some((each) => each.path.startsWith(path + separator))) return;
    if (!entry.flags.has('\\Noselect') && !entry.flags.has('\\NonExistent')) {
      const { exists } = await client.mailboxOpen(path, { readOnly: true });
      await client.mailboxClose();
      if (exists > 0) return;
    }
    await client.mailboxDelete(path);
  }
}
