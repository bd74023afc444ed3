import { HOST, IDENTITY, IDENTITY_EXIT_CODES, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { audit } from './audit.ts';
import { isMessageId } from './message-id.ts';
import { openSource } from './open-source.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'cat',
  summary: 'print one message as it was stored',
  description: [
    'Prints the bytes of one message to standard output. They are checked against their hash before any of them is printed. Reading mail is written to the audit log.',
    SNAPSHOT_FORMS,
  ],
  arguments: {
    snapshot: { value: 'SNAP', description: 'the snapshot', required: true },
    message: { value: 'MESSAGE', description: 'the message, as find and ls name it; or its Message-ID in angle brackets', required: true },
  },
  options: { ...IDENTITY, ...HOST, ...REPOSITORY },
  examples: [
    {
      command: 'mailrecover cat latest alice@example.org/9f86d081884c7d65-3a1f2b > message.eml',
      says: 'Hand out one message that find has listed.',
    },
  ],
  exitCodes: { 0: 'the message was printed whole', 1: 'it could not be printed', ...IDENTITY_EXIT_CODES },
  json: {
    snapshot: 'the id of the snapshot',
    'message.{mailbox,folder,sha256,size}': 'which message it is',
    content: 'its bytes in Base64',
  },
  recordsHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const { place, source, findings } = await openSource(context, args.snapshot, options);
    const { locateMessage, readLocated } = await import('../restore/look/locate.ts');
    const { displayBytes } = await import('../store/bytes.ts');
    let id = args.message;
    if (isMessageId(id)) {
      const { plainIds } = await import('./find-index.ts');
      [id = ''] = await plainIds({ context, place, source, findings }, [id]);
    }
    const located = await locateMessage(source, id);
    const mailbox = displayBytes(located.place.mailbox);
    const { sha, size } = located.state;
    const snapshot = source.snapshot.id;
    findings.push(...(await audit(place, 'cat', { snapshot, mailbox, folder: located.folder, sha256: sha, messages: 1 })));
    const content = await readLocated(source, located);
    return {
      outcome: findings.length > 0 ? 'warning' : 'ok',
      findings,
      fields: { snapshot, message: { mailbox, folder: located.folder, sha256: sha, size }, content: jsonContent(content) },
      output: content,
    };
  },
});

/** Base64 that is made only where the JSON document is printed. */
function jsonContent(content: Buffer): { toJSON(): string } {
  return { toJSON: () => content.toString('base64') };
}
