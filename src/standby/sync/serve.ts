/** The program that a synchronisation talks to on the other host: reads its mail, or writes it where it is the standby. */
import type { Writable } from 'node:stream';
import { MailrecoverError } from '../../errors/error.ts';
import type { DialRequest } from '../dial/model.ts';
import { agentHandlers } from '../prepare/agent.ts';
import type { HostAgent } from '../prepare/model.ts';
import type { LedgerPart } from '../ledger/source.ts';
import type { Noted } from '../ledger/store.ts';
import type { CommitOptions, Held, MailboxCut, MailboxLag, MailboxName, OwnedMailbox, Piece, Sink, Source } from './model.ts';
import { Peer, type Handler } from './peer.ts';
import { connect, Pipes } from './pipes.ts';
import { Window } from './window.ts';

/** Changed whenever one side would misunderstand the other. */
export const PROTOCOL = 4;

export interface Hello {
  protocol: number;
  /** What is wanted of this host: to read its mail, to write it, or to be looked at and prepared as a whole. */
  role: 'source' | 'sink' | 'host';
  /** The host that asks, by its name in the configuration. */
  from: string;
  /** The epoch that it believes in. */
  epoch: number;
  /** Names of mailboxes, as people write them; all where there are none. */
  mailboxes?: string[];
  /** The switch that it works for. */
  run?: string;
}

export interface ServeOptions {
  input: AsyncIterable<Buffer | string>;
  output: Writable;
  source: (hello: Hello) => Promise<Source>;
  /** @throws MailrecoverError `refused` where this host must not be written to */
  sink: (hello: Hello) => Promise<Sink>;
  host: (hello: Hello) => Promise<HostAgent>;
}

/** Answers until the other side ends. */
export async function serveSync({ input, output, ...make }: ServeOptions): Promise<void> {
  let source: Source | undefined;
  let sink: Sink | undefined;
  let host: HostAgent | undefined;
  const need = <T>(value: T | undefined): T => {
    if (value === undefined) throw new MailrecoverError('usage', 'that was not asked for in the greeting');
    return value;
  };
  const pipes = new Pipes();
  const handlers: Record<string, Handler> = {
    ...pipes.handlers,
    dsync: async (body) => {
      const { pipe, name, how } = body as { pipe: number; name: MailboxName; how?: 'merge' };
      // At once: what comes for it must find it.
      const near = pipes.open(peer, pipe);
      try {
        connect({ readable: near, writable: near }, await need(source).dsync(name, how));
      } catch (error) {
        near.destroy();
        throw error;
      }
    },
    hello: async (body) => {
      const hello = body as Hello;
      if (hello.protocol !== PROTOCOL)
        throw new MailrecoverError('config', 'the two hosts run versions of mailrecover that do not understand each other', {
          hint: 'install the same version on both',
        });
      if (hello.role === 'source') source = await make.source(hello);
      else if (hello.role === 'host') host = await make.host(hello);
      else sink = await make.sink(hello);
    },
    ...agentHandlers(() => need(host)),
    mailboxes: () => need(source).mailboxes(),
    accounts: () => need(source).accounts(),
    accepted: () => need(source).accepted(),
    'accepted-taken': (body) => need(source).acceptedTaken(body as Pick<LedgerPart, 'cursor'>),
    common: (body) => need(source).common(body as MailboxName),
    read: async (body) => {
      const { read, name, held, options } = body as { read: number; name: MailboxName; held: Held; options: { contents: boolean } };
      const window = new Window();
      const take = (piece: Piece, content: Uint8Array): Promise<void> =>
        window.send(content.length, () => peer.call('take', { read, piece }, content));
      const result = await need(source).read(name, held, take, options);
      await window.settle();
      return result;
    },
    open: (body) => {
      const { name, whole } = body as { name: OwnedMailbox; whole: boolean };
      return need(sink).open(name, whole);
    },
    stage: async (body, content) => {
      const { name, piece } = body as { name: MailboxName; piece: Piece };
      await need(sink).stage(name, piece, content);
    },
    commit: async (body) => {
      const { cut, options, pipe } = body as { cut: MailboxCut; options: CommitOptions; pipe?: number };
      if (pipe === undefined) return need(sink).commit(cut, options);
      const near = pipes.open(peer, pipe);
      try {
        return await need(sink).commit(cut, options, async () => ({ readable: near, writable: near }));
      } finally {
        near.destroy();
      }
    },
    accept: (body) => {
      const { cut, number } = body as { cut: MailboxCut; number: number };
      return need(sink).accept(cut, number);
    },
    dial: (body) => {
      const { request, dryRun } = body as { request: DialRequest; dryRun: boolean };
      return need(sink).dial(request, dryRun);
    },
    undial: (body) => need(sink).undial(body as string),
    'leave-uids': () => need(sink).leaveUids(),
    quiet: () => need(sink).quiet(),
    note: (body) => {
      const { lag, all } = body as { lag: MailboxLag[]; all?: MailboxName[] };
      return need(sink).note(lag, all);
    },
    'note-accepted': (body) => need(sink).noteAccepted(body as Noted),
    'note-accounts': (body) => need(sink).noteAccounts(body as string[]),
  };
  const peer = new Peer('the other host', input, output, handlers);
  await peer.ended;
  await host?.end();
}
