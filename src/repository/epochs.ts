/** Objects that say which of two hosts serves (docs/format.md, "Epochs"): names only, so that whoever looks after a repository knows them. */

/** How far a switch has come; each stage is an object of its own, put by a conditional put and never changed. */
export const EPOCH_STAGES = ['claim', 'fence', 'active', 'settled', 'withdrawn'] as const;
export type EpochStage = (typeof EPOCH_STAGES)[number];

const PATH = /^epochs\/(\d{8})-(claim|fence|active|settled|withdrawn)\.json$/;

export function epochPath(epoch: number, stage: EpochStage): string {
  return `epochs/${String(epoch).padStart(8, '0')}-${stage}.json`;
}

/** Reads the path of such an object, or undefined where it is none. */
export function parseEpochPath(path: string): { epoch: number; stage: EpochStage } | undefined {
  const match = PATH.exec(path);
  return match === null ? undefined : { epoch: Number(match[1]), stage: match[2] as EpochStage };
}
