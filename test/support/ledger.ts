/** Where an instance lay, from the moment the command that brought it there was sent until it was taken away for certain. */
export interface Stay {
  folder: string;
  /** 0 where the server did not tell. */
  uid: number;
  /** When the command was sent, and when the server had said OK; Infinity before that. */
  begun: number;
  since: number;
  /** When the command that takes it away was sent, and when that was done; Infinity before that. */
  ending: number;
  ended: number;
}

/** One message in one mailbox; a copy is an instance of its own with the same Message-ID. */
export interface Instance {
  user: string;
  messageId: string;
  stays: Stay[];
}

export interface Presence {
  /** So many instances lay in the mailbox all the time. */
  least: number;
  /** At most so many were there at any time, those included that were seen in two folders while they moved. */
  most: number;
}

/** What was where and when, as the commands and the server's answers say. Times are those of {@link Ledger.now}. */
export class Ledger {
  instances: Instance[] = [];

  now(): number {
    return performance.now();
  }

  /** Something new is about to be added. Where it failed, the stay is never confirmed. */
  adding(user: string, messageId: string, folder: string): Instance {
    const instance = { user, messageId, stays: [newStay(folder, this.now())] };
    this.instances.push(instance);
    return instance;
  }

  /** The server said OK. */
  added(instance: Instance, uid: number): void {
    const stay = current(instance);
    stay.uid = uid;
    stay.since = this.now();
  }

  removing(instance: Instance): void {
    current(instance).ending = this.now();
  }

  removed(instance: Instance): void {
    current(instance).ended = this.now();
  }

  moving(instance: Instance, folder: string): Stay {
    const now = this.now();
    current(instance).ending = now;
    const stay = newStay(folder, now);
    instance.stays.push(stay);
    return stay;
  }

  moved(instance: Instance, uid: number): void {
    const now = this.now();
    const [from, to] = instance.stays.slice(-2);
    if (from !== undefined) from.ended = now;
    if (to !== undefined) [to.uid, to.since] = [uid, now];
  }

  /** Instances that lay in one folder, untouched but for their flags, from `from` to `to`. */
  steady(from: number, to: number): { user: string; messageId: string; folder: string; uid: number }[] {
    return this.instances.flatMap(({ user, messageId, stays }) =>
      stays.filter((stay) => stay.since <= from && stay.ending >= to).map(({ folder, uid }) => ({ user, messageId, folder, uid })),
    );
  }

  /** For each Message-ID of a user's mailbox, how many there were at least and at most between `from` and `to`, wherever they moved. */
  presence(user: string, from: number, to: number): Map<string, Presence> {
    const result = new Map<string, Presence>();
    for (const instance of this.instances) {
      if (instance.user !== user) continue;
      const [first, last] = [instance.stays[0], instance.stays.at(-1)];
      if (first === undefined || last === undefined) continue;
      const possible = instance.stays.filter((stay) => stay.begun <= to && stay.ended >= from).length;
      const certain = first.since <= from && last.ending >= to ? 1 : 0;
      const known = result.get(instance.messageId) ?? { least: 0, most: 0 };
      result.set(instance.messageId, { least: known.least + certain, most: known.most + possible });
    }
    return result;
  }
}

function newStay(folder: string, begun: number): Stay {
  return { folder, uid: 0, begun, since: Infinity, ending: Infinity, ended: Infinity };
}

function current(instance: Instance): Stay {
  const stay = instance.stays.at(-1);
  if (stay === undefined) throw new Error('an instance without a place');
  return stay;
}
