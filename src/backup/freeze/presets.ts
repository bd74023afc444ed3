/** How the snapshots of file systems are taken and released, as pairs of commands. */
import { existsSync, readFileSync } from 'node:fs';

/** One file system that stands still while it is read. */
export interface FreezeSource {
  name: string;
  preset: 'lvm' | 'btrfs' | 'zfs' | 'command';
  /** The directory of which the snapshot is taken. */
  source: string;
  /** Where the snapshot shows. */
  mount?: string | undefined;
  /** LVM: VG/LV; ZFS: the dataset. */
  volume?: string | undefined;
  /** LVM: how much may change while the snapshot is there. */
  size?: string | undefined;
  /** For any other: the commands. */
  take?: readonly string[] | undefined;
  release?: readonly string[] | undefined;
  /** Milliseconds for each command. */
  timeout: number;
}

/** One thing that is done, and how it is undone. */
export interface Step {
  take: readonly string[];
  release: readonly string[];
  /** What lies there as long as it is not undone: a path, or a mount point; absent where nobody can tell. */
  shows?: { path: string } | { mount: string };
}

export interface Frozen {
  /** Where the files of `source` lie in the snapshot. */
  mount: string;
  /** A directory to mount on. */
  needs?: string;
  steps: Step[];
}

type Preset = (freeze: FreezeSource, label: string, mount: string) => Frozen;

const PRESETS: Readonly<Record<FreezeSource['preset'], Preset>> = {
  lvm({ source, volume = '', size = '' }, label, mount) {
    const [group = ''] = volume.split('/');
    const device = `/dev/${group}/${label}`;
    return {
      mount,
      needs: mount,
      steps: [
        {
          take: ['lvcreate', '--snapshot', '--size', size, '--name', label, volume],
          release: ['lvremove', '--yes', `${group}/${label}`],
          shows: { path: device },
        },
        {
          // XFS refuses a second file system with the same UUID.
          take: ['mount', '-o', typeOf(source) === 'xfs' ? 'ro,nouuid' : 'ro', device, mount],
          release: ['umount', mount],
          shows: { mount },
        },
      ],
    };
  },
  btrfs({ source, mount }, label) {
    const place = mount ?? `${source}/.${label}`;
    return {
      mount: place,
      steps: [
        {
          take: ['btrfs', 'subvolume', 'snapshot', '-r', source, place],
          release: ['btrfs', 'subvolume', 'delete', place],
          shows: { path: place },
        },
      ],
    };
  },
  zfs({ source, mount, volume = '' }, label) {
    return {
      mount: mount ?? `${source}/.zfs/snapshot/${label}`,
      steps: [{ take: ['zfs', 'snapshot', `${volume}@${label}`], release: ['zfs', 'destroy', `${volume}@${label}`] }],
    };
  },
  command({ name, source, take, release }, _label, mount) {
    const fill = (words: readonly string[] = []): string[] =>
      words.map((word) => word.replaceAll('{source}', source).replaceAll('{mount}', mount).replaceAll('{name}', name));
    return { mount, needs: mount, steps: [{ take: fill(take), release: fill(release) }] };
  },
};

/** The steps for a file system. Names are of their own, so that nothing of somebody else is ever released. */
export function freezeSteps(freeze: FreezeSource): Frozen {
  return PRESETS[freeze.preset](freeze, `mailrecover-${freeze.name}`, freeze.mount ?? `/run/mailrecover/${freeze.name}`);
}

/** The type of the file system that is mounted at a path; undefined for what is no mount point. */
function typeOf(path: string): string | undefined {
  return mounts().find((each) => each.at === path)?.type;
}

/** Whether what a step makes is there; undefined where nobody can tell. */
export function isShown({ shows }: { shows?: Step['shows'] | undefined }): boolean | undefined {
  if (shows === undefined) return undefined;
  return 'path' in shows ? existsSync(shows.path) : mounts().some(({ at }) => at === shows.mount);
}

/** What is mounted (proc(5), mountinfo): octal escapes stand for blanks. */
function mounts(): { at: string; type: string }[] {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [left = '', right = ''] = line.split(' - ');
        const at = (left.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        );
        return { at, type: right.split(' ')[0] ?? '' };
      });
  } catch {
    return [];
  }
}
