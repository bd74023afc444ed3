import * as z from 'zod';
import { MailrecoverError } from '../../errors/error.ts';
import { parseLocation } from '../../repository/targets/location.ts';
import { referenceProblem } from '../../system/secret.ts';
import { duration } from './duration.ts';
import { bytes } from './size.ts';

/** The place of a repository; a relative path would mean another directory for each who runs the program. */
const place = z
  .string()
  .refine((text) => whyNoPlace(text) === undefined, { error: ({ input }) => whyNoPlace(String(input)) ?? 'is no place' })
  .meta({
    description:
      'where the repository lies: the absolute path of a directory, `sftp:user@host:/path`, `sftp://user@host:port/path` or `s3:https://host/bucket/prefix`',
    examples: ['/srv/backup/mail'],
  });

function whyNoPlace(text: string): string | undefined {
  try {
    const { kind } = parseLocation(text);
    return kind === 'local' && !text.startsWith('/') ? 'must be an absolute path, sftp:… or s3:…' : undefined;
  } catch (error) {
    return error instanceof MailrecoverError ? `is no place: ${error.message}` : String(error);
  }
}

/** A plain text is the place with nothing beside it; `path` is what `at` was called when there were only directories. */
function spelledOut(value: unknown): unknown {
  if (typeof value === 'string') return { at: value };
  if (typeof value !== 'object' || value === null || !('path' in value) || 'at' in value) return value;
  const { path, ...rest } = value;
  return { at: path, ...rest };
}

const limitPart = z.strictObject({
  up: bytes('5M').optional().meta({ description: 'bytes a second that are sent at most' }),
  down: bytes('20M').optional().meta({ description: 'bytes a second that are fetched at most' }),
});

/** How to log in to a server over SSH, and how it is known. */
export const sshLogin = {
  key: reference('file:/etc/mailrecover/ssh_key')
    .optional()
    .meta({ description: "the private key; by default an agent and the user's own keys are tried" }),
  passphrase: reference('credential:ssh-passphrase').optional().meta({ description: 'the passphrase of that key, where it has one' }),
  password: reference('file:/etc/mailrecover/ssh_password').optional().meta({ description: 'the password, where there is no key' }),
  agent: absolute('/run/user/0/ssh-agent.sock').optional().meta({ description: 'the socket of an SSH agent' }),
  knownHosts: absolute('/etc/mailrecover/known_hosts')
    .optional()
    .meta({ description: "the file of the keys of servers; by default the user's and the system's known_hosts" }),
  hostKey: z
    .string()
    .regex(
      /^(SHA256:[A-Za-z0-9+/]{43}=?|[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?)$/,
      "must be SHA256:… as 'ssh-keygen -lf' prints it, or a line of a .pub file",
    )
    .optional()
    .meta({
      description: 'the one key that the server may show, in place of known_hosts',
      examples: ['SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'],
    }),
};

const sftpPart = z.strictObject(sshLogin);

export const s3Part = z.strictObject({
  accessKey: reference('file:/etc/mailrecover/s3_access_key')
    .optional()
    .meta({ description: 'the access key; without it $AWS_ACCESS_KEY_ID, profiles and the roles of instances are tried' }),
  secretKey: reference('file:/etc/mailrecover/s3_secret_key').optional().meta({ description: 'the secret key that belongs to it' }),
  sessionToken: reference('env:AWS_SESSION_TOKEN').optional().meta({ description: 'the token of a credential that ends' }),
  region: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'must be letters, digits and -')
    .optional()
    .meta({ description: 'the region; by default $AWS_REGION, else us-east-1', examples: ['eu-central-1'] }),
  pathStyle: z
    .boolean()
    .default(true)
    .meta({ description: 'the bucket stands in the path of an address; false for in the name of the host' }),
  ca: absolute('/etc/mailrecover/s3-ca.pem')
    .optional()
    .meta({ description: 'certificates of the authorities that are trusted, where they are not the usual ones' }),
  storageClass: z
    .string()
    .regex(/^[A-Z0-9_]+$/, 'must be the name of a storage class, such as STANDARD_IA')
    .optional()
    .meta({ description: 'the storage class of what is stored; one from which it is read at once', examples: ['STANDARD_IA'] }),
  lock: z
    .strictObject({
      mode: z
        .enum(['governance', 'compliance'])
        .meta({ description: 'who may lift the lock: those with the right to, or nobody', examples: ['governance'] }),
      days: z
        .int()
        .min(1)
        .max(3650)
        .meta({ description: 'for how many days what a backup needs stays locked, from that backup on', examples: [30] }),
    })
    .optional()
    .meta({ description: 'object lock: nothing that is stored can be removed before its time; the bucket must have been made for it' }),
});

/** A place, and how it is reached. */
export const placeSettings = {
  at: place,
  atOnce: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: 'objects that are sent or fetched at once; by default 4, on servers only', examples: [4] }),
  patience: duration('5m')
    .prefault('5m')
    .meta({ description: 'for how long a server that was reached and no longer answers is tried again' }),
  limit: limitPart.optional().meta({ description: 'bandwidth, on servers only' }),
  sftp: sftpPart.optional().meta({ description: 'how to log in to an SFTP server' }),
  s3: s3Part.optional().meta({ description: 'how to use an S3 server' }),
};

/** Where backups are written, and how that place is reached. */
export const repositoryPart = z.preprocess(spelledOut, z.strictObject(placeSettings));

/** A reference to a secret, which itself never stands in the configuration. */
export function reference(example: string) {
  return z
    .string()
    .refine((text) => referenceProblem(text) === undefined, { error: ({ input }) => referenceProblem(String(input)) ?? 'is no reference' })
    .meta({ examples: [example] });
}

function absolute(example: string) {
  return z
    .string()
    .startsWith('/', 'must be an absolute path')
    .meta({ examples: [example] });
}

export const encryptionPart = z.boolean().default(true).meta({
  description: 'encrypt mail and folder names to the recipients; false stores them readable by whoever reads the repository',
});

/** An age recipient: Bech32 with the prefix `age`, or that of a plugin (https://age-encryption.org/v1). */
const recipient = z
  .string()
  .regex(/^age1[a-z0-9]{20,}$/, "must be an age recipient, which begins with 'age1'")
  .meta({ examples: ['age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq'] });

export const recipientsPart = z
  .array(recipient)
  .default([])
  .meta({ description: 'the age recipients (public keys) to which backups are encrypted; any one of their identities reads them' });

/** Secrets stand as references in the configuration, never as values. */
const secretFile = z
  .string()
  .regex(/^file:\/./, "must be 'file:' and an absolute path")
  .meta({ examples: ['file:/etc/mailrecover/identity.txt'] });

export const identitiesPart = z.array(secretFile).default([]).meta({
  description:
    'the age identity files (private keys) to use where --identity and $MAILRECOVER_IDENTITY name none; for a host that may read mail back, until the key has been confirmed on paper',
});

export const trustPart = z
  .array(z.string().regex(/^[0-9a-f]{64}$/, 'must be the signing key of a host, 64 hexadecimal digits'))
  .default([])
  .meta({
    description: 'the signing keys of other hosts whose snapshots are believed and whose stored messages are not stored again',
    examples: ['d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'],
  });
