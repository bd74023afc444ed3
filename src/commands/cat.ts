import { HOST, IDENTITY, IDENTITY_EXIT_CODES, REPOSITORY, SNAPSHOT_FORMS } from './shared.ts';
import { describeCommand } from './types.ts';

export const cat = describeCommand({
  name: 'cat',
  summary: 'print one message as it was stored',
  description: [
    'Prints the bytes of one message to standard output. They are checked against their hash before the last of them is printed. Reading mail is written to the audit log.',
    SNAPSHOT_FORMS,
  ],
  arguments: {
    snapshot: { value: 'SNAP', description: 'the snapshot', required: true },
    message: { value: 'MESSAGE', description: 'the message, as find and ls name it', required: true },
  },
  options: { ...IDENTITY, ...HOST, ...REPOSITORY },
  examples: [{ command: 'mailrecover cat latest MESSAGE > message.eml', says: 'Hand out one message that find has listed.' }],
  exitCodes: { 0: 'the message was printed whole', 1: 'it could not be printed', ...IDENTITY_EXIT_CODES },
  json: {
    snapshot: 'the id of the snapshot',
    'message.{mailbox,folder,sha256,size}': 'which message it is',
    content: 'its bytes in Base64',
  },
  recordsHistory: true,
});
