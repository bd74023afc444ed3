/** What is known of a mail host beside its mail, and what is done to the standby with it; plain data that goes between hosts. */
import type { Finding } from '../../errors/finding.ts';
import type { ByteString } from '../../store/bytes.ts';
import type { UsedDatabase } from '../../store/system/types.ts';

/** A file, or a symbolic link, that belongs to the mail server. */
export interface HostFile {
  /** Absolute. */
  path: ByteString;
  role: string;
  /** What named it. */
  by: string;
  /** Not shown to anybody. */
  secret: boolean;
  mode: number;
  user: string;
  group: string;
  /** Seconds since 1970. */
  mtime: number;
  size: number;
  /** Of its content; absent for a link, and for what could not be read. */
  sha256?: string;
  /** Where a link leads. */
  to?: ByteString;
}

export interface HostDirectory {
  path: ByteString;
  mode: number;
  user: string;
  group: string;
}

export interface Certificate {
  path: string;
  /** The settings that name it. */
  by: string;
  subject: string;
  names: string[];
  notAfter: string;
  notBefore: string;
  /** SHA-256 of the certificate and of its public key, hexadecimal (RFC 6698, section 2.1). */
  hashes: { certificate: string; key: string };
  /** The key beside it belongs to it; absent where no key is known. */
  keyFits?: boolean;
}

/** Space for mail: one of the directories that stores lie below. */
export interface Disk {
  path: string;
  /** Bytes. */
  total: number;
  used: number;
  free: number;
  inodes: number;
  inodesFree: number;
  /** Users and groups that own the directory and what lies in it. */
  owners: string[];
}

export interface MailUnit {
  unit: string;
  active: boolean;
  enabled: boolean;
}

/** A user database of Dovecot, as its configuration has it. */
export interface LoginSource {
  driver: string;
  /** Files that it names. */
  paths: string[];
}

/** Everything that a comparison of two hosts needs. */
export interface Survey {
  files: HostFile[];
  directories: HostDirectory[];
  databases: UsedDatabase[];
  findings: Finding[];
  mailrecover: string;
  architecture: string;
  timeZone: string;
  /** Whether systemd says that the clock is kept by NTP; absent where it can't say. */
  synchronised?: boolean;
  postfix?: { version: string; settings: Record<string, string>; given: string[]; mapTypes: string[]; config: string };
  dovecot?: { version: string; config: string; logins: LoginSource[] };
  /** As `packagesFact` has it: name, version, architecture, `manual`. */
  packages: string;
  users: string;
  groups: string;
  /** UID_MIN and UID_MAX of login.defs(5). */
  people: { first: number; last: number };
  units: MailUnit[];
  disks: Disk[];
  certificates: Certificate[];
  /** Public keys of the DKIM keys that were found, base64 of DER. */
  dkim: { path: string; publicKey: string }[];
  /** TCP ports on which something listens for others than this host. */
  listens: number[];
}

/** One change of a file on the standby. */
export interface FileChange {
  path: ByteString;
  /** base64; absent for a link. */
  content?: string;
  to?: ByteString;
  mode: number;
  user: string;
  group: string;
  mtime: number;
  /** What must be there for it to be made: SHA-256, `link:…`, or null for nothing. */
  expect: string | null;
}

export interface AccountChange {
  kind: 'user' | 'group';
  name: string;
  id: number;
  /** For users. */
  gid?: number;
  home?: string;
  shell?: string;
  /** As shadow(5) has it; never shown. */
  hash?: string;
  /** The user is there, and gets this hash in place of that of before. */
  password?: true;
  /** Members, for groups. */
  members?: string[];
}

/** A passwd-file(5) entry of Dovecot: login name, hash with its scheme, and what the user database says. */
export interface Login {
  user: string;
  hash: string;
  /** Behind the hash: `uid:gid::home::extra`. */
  rest: string;
}

export interface Logins {
  /** Everybody who has an account, as Dovecot lists them. */
  users: string[];
  /** Those whose hash could be read from a directory. */
  readable: Login[];
  /** Those whose hash stands in a file that is copied anyway. */
  inFiles: string[];
  /** What the user database says of the others, so that mail finds its place without the directory. */
  others: Record<string, string>;
  findings: Finding[];
}

export interface SurveyRequest {
  /** Directories of which the file system is looked at. */
  mail: string[];
}

/** What is asked of a Postfix that a host starts for a rehearsal alone. */
export type RehearsalStep =
  | { do: 'start'; allow: readonly string[]; smtp: boolean }
  | { do: 'send'; from: string; to: string; message: string }
  | { do: 'look' }
  | { do: 'stop'; ours: readonly { sender: string; recipient: string }[] };

/** How its message stands, and what it took; after its end where mail of others lies. */
export interface RehearsalState {
  status?: 'sent' | 'deferred' | 'bounced' | 'expired';
  relay?: string;
  dsn?: string;
  /** What the other side said, or why it was not asked. */
  said?: string;
  /** Messages that were taken on port 25. */
  taken: { sender: string; recipients: string[] }[];
  foreign?: string;
}

/** What a host does for `standby prepare`; on this host, or over SSH on another. */
export interface HostAgent {
  survey(request: SurveyRequest): Promise<Survey>;
  /** Contents in base64; null for what is not there any more or no plain file. */
  read(paths: readonly ByteString[]): Promise<(string | null)[]>;
  /** Makes changes, after the old state is kept aside under the name of the run. */
  write(request: {
    run: string;
    files: FileChange[];
    directories: HostDirectory[];
    accounts: AccountChange[];
  }): Promise<{ written: number; findings: Finding[] }>;
  /** Builds indexes, and asks Postfix and Dovecot whether they understand what they have now. */
  finish(request: {
    maps: { type: string; path: string; alias: boolean }[];
    authorities: boolean;
    units: boolean;
  }): Promise<{ findings: Finding[]; understood: boolean }>;
  /** Puts back what a run changed. */
  undo(run: string | undefined): Promise<{ run: string; restored: string[]; findings: Finding[] }>;
  logins(): Promise<Logins>;
  /** Lets people log in by the snapshot, or by the directory again. */
  useLogins(by: 'snapshot' | 'directory'): Promise<{ changed: boolean; reloaded: boolean; users: number }>;
  /** Hashes of system users that stand in shadow(5). */
  shadow(users: readonly string[]): Promise<Record<string, string>>;
  /** Listens on ports until {@link HostAgent.close}; those that are taken are left out. */
  listen(ports: readonly number[]): Promise<number[]>;
  close(): Promise<void>;
  /** Addresses from which somebody connected to those ports. */
  callers(): Promise<string[]>;
  rehearse(step: RehearsalStep): Promise<RehearsalState>;
  /** Ends whatever it began, when nobody asks any more. */
  end(): Promise<void>;
  /** Whether something takes connections there. */
  reach(targets: readonly { host: string; port: number }[]): Promise<('open' | 'refused' | 'silent')[]>;
}
