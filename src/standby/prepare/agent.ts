/** What a host does for `standby prepare`: done here, or asked of the same program on the other host. */
import type { ByteString } from '../../store/bytes.ts';
import { reach } from '../reach.ts';
import { RehearsalPostfix } from '../rehearse/postfix.ts';
import type { Handler, Peer } from '../sync/peer.ts';
import { contentOf, writeChanges } from './apply.ts';
import { finishHost } from './finish.ts';
import { readLogins } from './logins/read.ts';
import { readShadow } from './logins/shadow.ts';
import { placesOf, useLogins } from './logins/use.ts';
import type { HostAgent, RehearsalState, RehearsalStep } from './model.ts';
import { Listeners } from './ports.ts';
import { surveyHost, type SurveyOptions } from './survey.ts';
import { undoRun } from './undo.ts';

export interface AgentOptions extends SurveyOptions {
  state: string;
  /** Names of mailboxes that lie on the disk. */
  mailboxes: () => Promise<string[]>;
  /** @throws MailrecoverError `refused` where this host must not be changed: it serves */
  guard: () => Promise<void>;
}

export function localAgent(options: AgentOptions): HostAgent {
  const listeners = new Listeners();
  const rehearsal = new RehearsalPostfix(options.state, options.postfix?.[0] ?? '/etc/postfix');
  const dovecot = options.dovecot ?? undefined;
  let ours: Set<ByteString> | undefined;
  return {
    async survey(request) {
      const survey = await surveyHost(options, request);
      const snapshot = survey.dovecot === undefined ? undefined : placesOf(survey.dovecot.config);
      ours = new Set([...survey.files.map(({ path }) => path), ...(snapshot === undefined ? [] : [snapshot.hashes, snapshot.settings])]);
      return survey;
    },
    read: (paths) => Promise.all(paths.map((path) => contentOf(path, ours ?? new Set()))),
    async write(request) {
      await options.guard();
      return writeChanges(options.state, request);
    },
    async finish(request) {
      await options.guard();
      return finishHost(request, { dovecot, signal: options.signal });
    },
    async undo(run) {
      await options.guard();
      return undoRun(options.state, run);
    },
    logins: async () => readLogins({ dovecot, mailboxes: await options.mailboxes(), signal: options.signal }),
    useLogins: (by) => useLogins(by, dovecot, options.signal),
    shadow: (users) => Promise.resolve(readShadow(users)),
    listen: (ports) => listeners.open(ports),
    async close() {
      await listeners.close();
    },
    callers: () => Promise.resolve([...listeners.callers]),
    async rehearse(step) {
      await options.guard();
      return stepOf(rehearsal, step);
    },
    async end() {
      await listeners.close();
      // What is left is taken away by the next one.
      await rehearsal.stop([]).catch(() => undefined);
    },
    reach: (targets) => Promise.all(targets.map(({ host, port }) => reach(host, port))),
  };
}

async function stepOf(postfix: RehearsalPostfix, step: RehearsalStep): Promise<RehearsalState> {
  if (step.do === 'start') await postfix.start(step);
  else if (step.do === 'send') await postfix.send(step);
  else if (step.do === 'stop') {
    const foreign = await postfix.stop(step.ours);
    return { taken: [], ...(foreign === undefined ? {} : { foreign }) };
  }
  return postfix.look();
}

const OPS = [
  'survey',
  'read',
  'write',
  'finish',
  'undo',
  'logins',
  'useLogins',
  'shadow',
  'listen',
  'close',
  'callers',
  'rehearse',
  'reach',
] as const;

/** What answers the other host. */
export function agentHandlers(agent: () => HostAgent): Record<string, Handler> {
  return Object.fromEntries(
    OPS.map((op): [string, Handler] => [
      `host-${op}`,
      (body) => (agent()[op] as (request: unknown) => Promise<unknown>)(body === null ? undefined : body),
    ]),
  );
}

/** The agent of the other host. */
export function farAgent(peer: Peer): HostAgent {
  const ask = async (op: (typeof OPS)[number], body: unknown): Promise<never> => (await peer.call(`host-${op}`, body ?? null)) as never;
  return {
    survey: (request) => ask('survey', request),
    read: (paths) => ask('read', paths),
    write: (request) => ask('write', request),
    finish: (request) => ask('finish', request),
    undo: (run) => ask('undo', run),
    logins: () => ask('logins', undefined),
    useLogins: (by) => ask('useLogins', by),
    shadow: (users) => ask('shadow', users),
    listen: (ports) => ask('listen', ports),
    close: () => ask('close', undefined),
    callers: () => ask('callers', undefined),
    rehearse: (step) => ask('rehearse', step),
    end: () => Promise.resolve(),
    reach: (targets) => ask('reach', targets),
  };
}
