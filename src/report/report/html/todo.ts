/** Things to do, the same for several hosts told once. */
import type { Action, Report } from '../model.ts';

export interface Todo extends Action {
  /** All that it stands for, the first among them. */
  all: readonly Action[];
  /** Other hosts where the same is to be done for the same reason. */
  likewise: readonly string[];
}

/** In the order of the report. With one host its name is left out: it stands at the top. */
export function todosOf({ actions, hosts }: Report): Todo[] {
  const groups = Map.groupBy(actions, ({ hint, because }) => JSON.stringify([because.severity, because.code, hint]));
  return [...groups.values()].flatMap((all) => {
    const [first, ...others] = all;
    if (first === undefined) return [];
    const { hint, because, host } = first;
    return [{ hint, because, host: hosts.length > 1 ? host : undefined, all, likewise: others.flatMap((other) => other.host ?? []) }];
  });
}
