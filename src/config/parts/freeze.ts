import * as z from 'zod';

const absolute = z.string().startsWith('/', 'must be an absolute path').regex(/[^/]$/, "must not end with '/'");
const word = z.string().min(1, 'must not be empty');

/** A file system of which a snapshot is taken around each backup. */
export const freezePart = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_]*$/, "must be lower-case letters, digits or '_'")
      .meta({ description: 'a name for it', examples: ['vmail'] }),
    preset: z.enum(['lvm', 'btrfs', 'zfs', 'command']).meta({ description: 'how the snapshot is taken', examples: ['command'] }),
    source: absolute.meta({
      description: 'the directory that stands still: mail stores below it are read in the snapshot',
      examples: ['/var/vmail'],
    }),
    mount: absolute.optional().meta({
      description:
        'where the snapshot shows; by default /run/mailrecover/NAME, for btrfs .mailrecover-NAME in the source, for zfs .zfs/snapshot/mailrecover-NAME',
      examples: ['/run/mailrecover/vmail'],
    }),
    volume: z
      .string()
      .regex(/^[A-Za-z0-9_.][A-Za-z0-9_.:/+-]*$/, 'must be VG/LV or the name of a dataset')
      .optional()
      .meta({ description: 'the logical volume (VG/LV), or the ZFS dataset', examples: ['vg0/vmail'] }),
    size: z
      .string()
      .regex(/^[1-9]\d*[KMGT]$/, 'must be a number and K, M, G or T')
      .optional()
      .meta({ description: 'for lvm: how much may change on the volume while a backup runs', examples: ['4G'] }),
    take: z
      .array(word.meta({ examples: ['/usr/local/sbin/snapshot'] }))
      .min(1)
      .optional()
      .meta({ description: 'for command: what takes the snapshot, as program and arguments; {source}, {mount} and {name} are filled in' }),
    release: z
      .array(word.meta({ examples: ['/usr/local/sbin/release-snapshot'] }))
      .min(1)
      .optional()
      .meta({ description: 'for command: what releases it, also where taking it failed or was cut off' }),
    timeout: z.int().min(1).max(3600).default(120).meta({ description: 'seconds that each command may take' }),
  })
  .superRefine((freeze, context) => {
    const need = (key: 'volume' | 'size' | 'take' | 'release'): void => {
      if (freeze[key] === undefined)
        context.addIssue({ code: 'custom', path: [key], message: `is needed with 'preset: ${freeze.preset}'` });
    };
    if (freeze.preset === 'lvm' || freeze.preset === 'zfs') need('volume');
    if (freeze.preset === 'lvm') {
      need('size');
      if (freeze.volume !== undefined && freeze.volume.split('/').length !== 2)
        context.addIssue({ code: 'custom', path: ['volume'], message: 'must be VG/LV' });
    }
    if (freeze.preset === 'command') {
      need('take');
      need('release');
    }
  });
