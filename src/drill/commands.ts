/** What recipes know of the commands of mailrecover. */

export interface KnownOption {
  kind: 'flag' | 'text' | 'list' | 'number' | 'choice';
  choices?: readonly string[];
}

export interface KnownCommand {
  /** By their names without dashes: `allow-loss`. */
  options: Readonly<Record<string, KnownOption>>;
  /** How many arguments it takes at least and at most. */
  arguments: { least: number; most: number };
}

/** By name: `standby promote`. */
export type KnownCommands = Readonly<Record<string, KnownCommand>>;
