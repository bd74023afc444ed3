/** The source and the sink of another host, through the program that {@link serveSync} runs there. */
import type { Finding } from '../../errors/finding.ts';
import type { DialCounts } from '../dial/model.ts';
import type { LedgerPart } from '../ledger/source.ts';
import type { Held, MailboxName, OwnedMailbox, Piece, Sink, Source, Taken, TakeOver } from './model.ts';
import type { Handler, Peer } from './peer.ts';
import { connect, Pipes } from './pipes.ts';
import { PROTOCOL, type Hello } from './serve.ts';
import { hashOf } from './taken.ts';
import { Window } from './window.ts';

type Take = (piece: Piece, content: Uint8Array) => Promise<void>;

/** Says who we are. @throws MailrecoverError `refused`, where the other host has another opinion of who serves */
export async function greet(peer: Peer, hello: Omit<Hello, 'protocol'>): Promise<void> {
  await peer.call('hello', { ...hello, protocol: PROTOCOL });
}

/** The sink of another host, and what must answer its requests. */
export function farSink(): { sink: (peer: Peer) => Sink; handlers: Record<string, Handler> } {
  const pipes = new Pipes();
  return { handlers: pipes.handlers, sink: (peer) => sinkOver(peer, pipes) };
}

function sinkOver(peer: Peer, pipes: Pipes): Sink {
  const windows = new Map<string, Window>();
  const windowOf = (name: MailboxName): Window => {
    const window = windows.get(hashOf(name)) ?? new Window();
    windows.set(hashOf(name), window);
    return window;
  };
  return {
    open: async (name, whole) => (await peer.call('open', { name, whole })) as Held,
    async stage({ store, mailbox }, piece, content) {
      await windowOf({ store, mailbox }).send(content.length, () => peer.call('stage', { name: { store, mailbox }, piece }, content));
    },
    async commit(cut, options, dsync) {
      try {
        await windowOf(cut).settle();
      } finally {
        windows.delete(hashOf(cut));
      }
      if (dsync === undefined) return (await peer.call('commit', { cut, options })) as TakeOver;
      const pipe = pipes.number();
      const near = pipes.open(peer, pipe);
      try {
        const far = await dsync();
        connect({ readable: near, writable: near }, far);
        return (await peer.call('commit', { cut, options, pipe })) as TakeOver;
      } finally {
        near.destroy();
      }
    },
    accept: async (cut, number) => ((await peer.call('accept', { cut, number })) as Finding | null) ?? undefined,
    dial: async (request, dryRun) => (await peer.call('dial', { request, dryRun })) as DialCounts,
    undial: async (run) => void (await peer.call('undial', run)),
    leaveUids: async () => (await peer.call('leave-uids', null)) as number,
    quiet: async () => void (await peer.call('quiet', null)),
    note: async (lag, all) => (await peer.call('note', { lag, ...(all === undefined ? {} : { all }) })) as MailboxName[],
    noteAccounts: async (names) => void (await peer.call('note-accounts', names)),
    noteAccepted: async (noted) => void (await peer.call('note-accepted', noted)),
  };
}

/** The source of another host, and what must answer its requests. */
export function farSource(): { source: (peer: Peer) => Source; handlers: Record<string, Handler> } {
  const reads = new Map<number, Take>();
  const pipes = new Pipes();
  let next = 1;
  return {
    handlers: {
      ...pipes.handlers,
      take: async (body, content) => {
        const { read, piece } = body as { read: number; piece: Piece };
        await reads.get(read)?.(piece, content);
      },
    },
    source: (peer) => ({
      mailboxes: async () => (await peer.call('mailboxes', null)) as { mailboxes: OwnedMailbox[]; findings: [] },
      accounts: async () => ((await peer.call('accounts', null)) as string[] | null) ?? undefined,
      accepted: async () => ((await peer.call('accepted', null)) as LedgerPart | null) ?? undefined,
      acceptedTaken: async ({ cursor }) => void (await peer.call('accepted-taken', { cursor })),
      async dsync({ store, mailbox }, how) {
        const pipe = pipes.number();
        const near = pipes.open(peer, pipe);
        try {
          await peer.call('dsync', { pipe, name: { store, mailbox }, how });
        } catch (error) {
          near.destroy();
          throw error;
        }
        return { readable: near, writable: near };
      },
      common: async ({ store, mailbox }) => ((await peer.call('common', { store, mailbox })) as Taken | null) ?? undefined,
      async read({ store, mailbox }, held, take, options) {
        const read = next++;
        reads.set(read, take);
        try {
          return (await peer.call('read', { read, name: { store, mailbox }, held, options })) as Awaited<ReturnType<Source['read']>>;
        } finally {
          reads.delete(read);
        }
      },
    }),
  };
}
