/** The queue is moved to the new host, and delivered from there. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Memory, SwitchHead } from '../../journal.ts';
import {
  isReleased,
  isShipped,
  messagesAside,
  putQueueBack,
  queuePlace,
  release,
  setQueueAside,
  ship,
  type QueuePlace,
} from '../../queue.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

interface QueueMemory extends Memory {
  at: QueuePlace;
  there: QueuePlace;
}

export function queueStep({ from, to }: PromoteOptions, { run }: SwitchHead): Step {
  const places = (memory: Memory): QueueMemory => memory as QueueMemory;
  return {
    id: 'queue',
    title: 'move the queue',
    plan: [
      `on ${from.name}: put the queue aside, where no Postfix looks`,
      `copy it to ${to.name}, and compare every file by its SHA-256; it is delivered once ${to.name} serves`,
    ],
    undo: `the queue goes back into place on ${from.name}, and the copy is deleted`,
    once: true,
    remember: async () => ({ at: await queuePlace(from, run), there: await queuePlace(to, run) }),
    check: (memory) => isShipped(from, places(memory).at, to, places(memory).there),
    async apply(memory) {
      const { at, there } = places(memory);
      await setQueueAside(from, at);
      await ship(from, at, to, there);
    },
    async verify(memory) {
      const { at, there } = places(memory);
      if (!(await isShipped(from, at, to, there)))
        throw new MailrecoverError('damage', `the queue on '${to.name}' is not the one of '${from.name}'`, { subject: there.aside });
      return [`${await messagesAside(to, there)} queued messages lie on both hosts, equal by SHA-256`];
    },
    rollback: (memory) => putQueueBack(from, places(memory).at, to, places(memory).there),
  };
}

export function releaseStep({ to }: PromoteOptions, { run }: SwitchHead): Step {
  const place = (memory: Memory): QueuePlace => memory['there'] as QueuePlace;
  return {
    id: 'release',
    title: 'deliver the moved queue',
    plan: [`on ${to.name}: put the moved messages into the queue, once, and have them delivered; what was on hold stays on hold`],
    once: true,
    remember: async () => {
      const there = await queuePlace(to, run);
      return { there, messages: await messagesAside(to, there) };
    },
    check: (memory) => isReleased(to, place(memory)),
    apply: (memory) => release(to, place(memory)),
    async verify(memory) {
      if (!(await isReleased(to, place(memory))))
        throw new MailrecoverError('failed', `some of the queue still lies in ${place(memory).aside}`);
      return [`${String(memory['messages'])} messages are in the queue of ${to.name}`];
    },
  };
}
