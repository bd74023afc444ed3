/** Which mboxes belong to whom: a directory of folders, a file, an INBOX in a place of its own, or several of these. */
import type { Finding } from '../errors/finding.ts';
import { toBytes } from '../store/bytes.ts';
import { findMailboxes, type FoundMailbox } from '../store/mailboxes.ts';
import { parsePattern } from '../store/pattern.ts';
import type { MailboxState } from './state/state.ts';

export interface MboxSource {
  path: string;
  mailbox?: string;
  /** Where INBOX lies, if not with the folders. */
  inbox?: string;
}

type Areas = MailboxState['areas'];

function split(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)];
}

/** The one file of a directory that is a mailbox's. @param below what stands before its root in a restore */
function fileArea(found: FoundMailbox, ...below: string[]): Areas[number] {
  const [path, file] = split(found.real);
  const [root] = split(found.relative);
  return { area: 'inbox', path: path === '' ? '/' : path, root: [...below, root].filter((part) => part !== '').join('/'), file };
}

/** Finds them. @param prefix as for other stores */
export async function findMboxes(
  source: MboxSource,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<{ areas: Map<string, Areas>; findings: Finding[] }> {
  const options = { ...(source.mailbox === undefined ? {} : { mailbox: source.mailbox }), ...(signal === undefined ? {} : { signal }) };
  const pattern = parsePattern(source.path);
  const directories = await findMailboxes(pattern, options);
  const files = await findMailboxes(pattern, { ...options, kind: 'file' });
  const inboxes = source.inbox === undefined ? undefined : await findMailboxes(parsePattern(source.inbox), { ...options, kind: 'file' });
  const areas = new Map<string, Areas>();
  const add = (mailbox: string, area: Areas[number]): void => {
    const user = toBytes(mailbox);
    const known = areas.get(user);
    if (known === undefined) areas.set(user, [area]);
    else if (!known.some((each) => each.area === area.area)) known.push(area);
  };
  for (const found of directories.mailboxes)
    add(found.mailbox, { area: 'mail', path: found.real, root: [prefix, found.relative].filter((part) => part !== '').join('/') });
  // Locks lie beside the mboxes.
  for (const found of inboxes?.mailboxes ?? []) if (!found.path.endsWith('.lock')) add(found.mailbox, fileArea(found, prefix, '.inbox'));
  for (const found of files.mailboxes) if (!found.path.endsWith('.lock')) add(found.mailbox, fileArea(found, prefix));
  return { areas, findings: [...directories.findings, ...(inboxes?.findings ?? [])] };
}
