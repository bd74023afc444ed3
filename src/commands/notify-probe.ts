/** Sending a test mail by one way at a time, and telling what came of it. */
import type { ErrorCode } from '../errors/codes.ts';
import type { Finding } from '../errors/finding.ts';
import { outgoing } from '../notify/message.ts';
import { refusalFinding, Refused } from '../notify/refusal.ts';
import { ownRecipient, type Route, shownSender } from '../notify/routes.ts';
import type { Notify } from './notify-config.ts';
import type { CommandContext, CommandResult, TextHelpers } from './types.ts';

export const PROBE_OPTIONS = { to: { kind: 'list', value: 'ADDRESS', description: "send to these in place of 'notify.to'" } } as const;

export const PROBE_EXIT_CODES = {
  0: 'the mail was taken by every transport',
  1: 'none took it',
  3: 'some took it',
  12: 'a credential is missing or refused',
  13: 'nobody could be reached',
} as const;

export const PROBE_JSON = {
  'transports[].{name,kind,from}': 'what was tried',
  'transports[].sent': 'whether every recipient was taken',
  'transports[].accepted': 'recipients who were taken',
  'transports[].refused[].{to,code,permanent,message,hint,said}': 'who was not taken, why, what to change, and what the other side said',
  'transports[].milliseconds': 'how long it took',
  'counts.sent': 'how many transports work',
} as const;

interface Probed {
  name: string;
  kind: string;
  from: string;
  sent: boolean;
  accepted: readonly string[];
  refused: readonly object[];
  milliseconds: number;
}

/** Sends one mail by each of these ways; nothing goes into the spool. */
export async function probeRoutes(
  context: CommandContext,
  notify: Notify,
  routes: readonly Route[],
  to: readonly string[],
): Promise<CommandResult> {
  const [{ tryRoutes }, { monotonic, isoNow }, { hostname }] = await Promise.all([
    import('../notify/attempt.ts'),
    import('../system/clock.ts'),
    import('node:os'),
  ]);
  const probed: Probed[] = [];
  const findings: Finding[] = [];
  let cause: ErrorCode | undefined;
  for (const route of routes) {
    context.progress.phase(`sending by ${route.name}`);
    const began = monotonic();
    const mail = outgoing({
      to: route.kind === 'webhook' ? [ownRecipient(route.name)] : to,
      subject: `[mailrecover] test of ${route.name}`,
      text: `This is a test of the transport '${route.name}' (${route.kind}) of mailrecover on ${hostname()}, sent on ${isoNow()}.\nReports come the same way. There is nothing to do.\n`,
    });
    const { attempts, left } = await tryRoutes(mail, [withFreshToken(route)], notify.delivery.signal);
    const { accepted, refused } = attempts[0] ?? { accepted: [], refused: [] };
    for (const { refusal } of refused) {
      findings.push(refusalFinding(refusal, route.name, 'error'));
      cause ??= new Refused(refusal).code;
    }
    probed.push({
      name: route.name,
      kind: route.kind,
      from: shownSender(route),
      sent: left.length === 0,
      accepted,
      refused: refused.map((each) => ({ to: each.to, ...each.refusal })),
      milliseconds: Math.round(monotonic() - began),
    });
  }
  const sent = probed.filter((each) => each.sent).length;
  return {
    outcome: sent === probed.length ? 'ok' : sent === 0 ? 'failed' : 'partial',
    ...(sent === 0 && cause !== undefined ? { cause } : {}),
    counts: { transports: probed.length, sent },
    findings,
    fields: { transports: probed },
    render: (text) => renderProbed(probed, to, text),
  };
}

/** A token that was kept may be better than what the account gives now. */
function withFreshToken(route: Route): Route {
  if (!('tokens' in route.options)) return route;
  return { ...route, options: { ...route.options, tokens: { ...route.options.tokens, fresh: true } } } as Route;
}

function renderProbed(probed: readonly Probed[], to: readonly string[], text: TextHelpers): string {
  const rows = probed.map(({ name, kind, from, sent, milliseconds }) => [
    name,
    kind,
    from,
    sent ? text.green(text.say`sent`) : text.red(text.say`refused`),
    text.duration(milliseconds),
  ]);
  const table = text.table(rows, {
    head: [text.say`transport`, text.say`kind`, text.say`from`, text.say`result`, text.say`took`],
    right: [4],
  });
  return probed.some(({ sent }) => sent)
    ? text.say`${table}\n\nlook whether it arrived: ${(to.length > 0 ? to : probed.map(({ name }) => name)).join(', ')}`
    : table;
}
