/** `report --send`: whether a report is worth sending, and sending it. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Level } from '../../report/metrics/model.ts';
import type { Report } from '../../report/report/model.ts';
import { decide, type Decision } from '../../report/report/told.ts';
import { readTold } from '../../report/report/told-file.ts';
import type { CommandContext, CommandResult } from '../types.ts';
import { reportMessage } from './message.ts';
import { remember, sendMessage, type Sent } from './send.ts';

const LEVEL: Readonly<Record<string, Level>> = { success: 'ok', warning: 'warning', failure: 'failed' };

export interface SendOptions {
  to: readonly string[];
  /** Verdicts that are sent; undefined for every one. */
  on: readonly Level[] | undefined;
  dryRun: boolean;
  /** The place for a link in place of the report itself. */
  link: string | undefined;
  /** Names what is reported on, so that what was told of it is remembered. */
  key: string;
}

/** `success,warning,failure` as verdicts. @throws MailrecoverError `usage` */
export function levelsOf(text: string | undefined): readonly Level[] | undefined {
  if (text === undefined) return undefined;
  return text.split(',').map((word) => {
    const level = LEVEL[word.trim()];
    if (level !== undefined) return level;
    throw new MailrecoverError('usage', `'${word}' is no end of a run`, { hint: 'write one or several of success,warning,failure' });
  });
}

export interface Told {
  report: Report;
  decision: Decision;
  /** Undefined where it was not sent. */
  sent: Sent | undefined;
  /** The subject and text that went out, or would have. */
  message: { subject: string; text: string; to: readonly string[] };
  link: { id: string; expiresAt: string } | undefined;
}

/** @throws MailrecoverError `config` where nobody is named, `usage` for addresses that are none */
export async function sendReport(context: CommandContext, made: Report, options: SendOptions): Promise<Told> {
  const [{ notifyOf, recipientsOf }, config] = await Promise.all([import('../notify-config.ts'), context.config()]);
  const notify = await notifyOf(context);
  const to = recipientsOf(notify, options.to, notify.delivery.routes);
  const lang = context.langAsked ?? config.report.lang ?? context.lang;
  const { state } = config;
  const decision =
    options.on === undefined
      ? SUMMARY
      : decide(await readTold(state, options.key), stateOf(made), { on: options.on, remindAfter: config.report.remindAfter });
  const { kind, since, next } = decision;
  const report: Report = {
    ...made,
    occasion: options.on === undefined ? { kind: 'summary', since } : kind === undefined ? undefined : { kind, since },
  };
  const whole = await reportMessage(report, lang, to);
  if (options.dryRun || (options.on !== undefined && kind === undefined))
    return { report, decision, sent: undefined, message: whole, link: undefined };
  const { message, link, findings } =
    options.link === undefined
      ? { message: whole, link: undefined, findings: [] }
      : await (await import('./link.ts')).linked(context, report, whole, options.link, lang);
  const sent = await sendMessage(context, notify, message);
  const unkept = sent.told && options.on !== undefined ? await remember(notify, options.key, next) : [];
  return { report, decision, sent: { ...sent, findings: [...findings, ...sent.findings, ...unkept] }, message, link };
}

/** A summary is sent whatever was told before. */
const SUMMARY: Decision = { kind: 'success', since: undefined, next: undefined };

function stateOf({ verdict, hosts, findings, madeAt }: Report): { level: Level; problems: string[]; at: string } {
  const bad = (all: readonly { severity: string; code: string }[], host: string): string[] =>
    all.filter(({ severity }) => severity !== 'info').map(({ code }) => `${host} ${code}`);
  return {
    level: verdict,
    at: madeAt,
    problems: [...new Set([...hosts.flatMap((each) => bad(each.findings, each.host)), ...bad(findings, '')])].toSorted(),
  };
}

/** What of it stands in the result of `report`. */
export function sentFields({ decision, sent, message, link }: Told, { on, dryRun }: SendOptions): Record<string, unknown> {
  const wanted = on === undefined || decision.kind !== undefined;
  const kind = on === undefined ? 'summary' : decision.kind;
  return {
    sent: {
      status: sent?.status ?? (dryRun && wanted ? 'would-send' : 'unneeded'),
      ...(kind === undefined ? {} : { kind }),
      ...(sent?.id === undefined ? {} : { id: sent.id }),
      subject: message.subject,
      to: message.to,
      left: sent?.left ?? [],
      ...(link === undefined ? {} : { link }),
    },
  };
}

export function outcomeOf({ sent }: Told): Pick<CommandResult, 'outcome' | 'findings'> {
  const findings = sent?.findings ?? [];
  if (sent === undefined || sent.status === 'delivered') return { outcome: findings.length === 0 ? 'ok' : 'warning', findings };
  return { outcome: sent.status === 'spooled' ? 'partial' : 'failed', findings };
}
