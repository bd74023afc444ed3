/** The plan of a switch, for somebody who did not write it and is to approve it. */
import type { SwitchState } from '../../standby/journal.ts';
import { outageSeconds } from '../../standby/promote/outage.ts';
import type { PromoteOptions } from '../../standby/promote/options.ts';
import type { Plan } from '../../standby/promote/promote.ts';
import { tell } from '../../report/text/tell.ts';
import type { TextHelpers } from '../types.ts';

export interface PlanFacts {
  /** The newest switch of the same kind that was finished, and how long nobody could use mail in it. */
  before: { at: string; seconds: number } | undefined;
  /** The longest TTL of the names that move, seconds; 0 where none does. */
  ttl: number;
  names: number;
  vip: string | undefined;
  proof: string | undefined;
  by: string;
}

export function planFacts({ mode, dns, vip, proof, by }: PromoteOptions, switches: readonly SwitchState[]): PlanFacts {
  const records = dns.flatMap((zone) => zone.records);
  const before = switches
    .filter(({ ended, head }) => ended === 'switched' && head.mode === mode)
    .flatMap((state) => {
      const seconds = outageSeconds(state);
      return seconds === undefined ? [] : [{ at: state.startedAt, seconds }];
    })[0];
  return {
    before,
    ttl: Math.max(0, ...records.map(({ ttl }) => ttl)),
    names: records.length,
    vip: vip?.address.replace(/\/.*/, ''),
    proof: proof?.to,
    by,
  };
}

export function planText(plan: Plan, facts: PlanFacts, text: TextHelpers): string {
  const { head, steps, resumes } = plan;
  const { from, to } = head;
  const noReturn = steps.findIndex((step) => step.noReturn);
  const lines = steps.flatMap(({ title, lines: inner, undo, noReturn: last }, index) => [
    ...(last ? ['', text.yellow(text.say`    ---- from here on nothing is taken back; the way back is another switch ----`), ''] : []),
    `${String(index + 1).padStart(3)} ${text.bold(tell(title, text))}${resumes?.done.has(steps[index]?.id ?? '') === true ? text.dim(text.say` (done)`) : ''}`,
    ...inner.map((line) => `      ${tell(line, text)}`),
    ...(undo === undefined || index > noReturn ? [] : [text.dim(text.say`      if a later step fails: ${tell(undo, text)}`)]),
  ]);
  const begun = resumes === undefined ? '' : text.say`, begun ${text.time(resumes.startedAt)} by ${head.by}`;
  return [
    text.pairs([
      [text.say`switch`, text.say`${text.bold(from)} → ${text.bold(to)}, ${head.mode}, epoch ${head.epoch}${begun}`],
      [text.say`asked for by`, facts.by],
      [text.say`may be lost`, lossText(plan, text)],
      [text.say`how long`, howLong(plan, facts, text)],
      [text.say`people`, people(plan, facts, text)],
      [text.say`senders`, text.say`are told to try again, or find nobody there: mail waits with them, and comes when ${to} serves`],
      [text.say`old host`, oldHost(plan, text)],
      [
        text.say`proof`,
        facts.proof === undefined
          ? text.yellow(text.say`none: nobody sends a message to see that it works`)
          : text.say`a real message to ${facts.proof}, in by SMTP and out by IMAP`,
      ],
      [
        text.say`if it fails`,
        text.say`before step ${noReturn + 1} all is taken back by itself, and ${from} is as it was; after it ${to} serves, and what is missing is named`,
      ],
      [text.say`way back`, wayBack(plan, text)],
    ]),
    '',
    ...lines,
  ].join('\n');
}

function lossText({ head, precheck: { loss } }: Plan, text: TextHelpers): string {
  if (head.reachable && head.dialTone !== true) return text.say`nothing: all mail is copied and compared before the other host serves`;
  return Number.isFinite(loss)
    ? text.yellow(text.say`at most what ${head.from} took in the last ${text.duration(loss * 1000)}, until it is back`)
    : text.red(text.say`any amount: nobody knows how far the standby is behind`);
}

function howLong({ head }: Plan, { before, ttl }: PlanFacts, text: TextHelpers): string {
  const names = ttl === 0 ? '' : text.say`; ${text.duration(ttl * 1000)} more for who still has the old names (TTL)`;
  return before === undefined
    ? text.say`not known: no ${head.mode} switch was finished from here yet${names}`
    : text.say`nobody could use mail for ${text.duration(before.seconds * 1000)} in the last ${head.mode} switch (${text.time(before.at)})${names}`;
}

function people({ head }: Plan, { vip, names }: PlanFacts, text: TextHelpers): string {
  if (vip === undefined && names === 0)
    return text.say`can't read or send mail meanwhile, and are logged out once; no name or address moves: their programs must be told of ${head.to}`;
  const moved = [
    ...(vip === undefined ? [] : [vip]),
    ...(names === 0 ? [] : [names === 1 ? text.say`one name` : text.say`${names} names`]),
  ];
  return text.say`can't read or send mail meanwhile, and are logged out once; they change nothing, since this moves along: ${moved.join(', ')}`;
}

function oldHost({ head }: Plan, text: TextHelpers): string {
  if (head.reachable) return text.say`${head.from} is stopped, and says so; it stays off for mail until somebody switches back`;
  return head.attested === undefined
    ? text.say`${head.from} can not be asked: without evidence that it is off, nothing is switched`
    : text.say`${head.from} can not be asked; that it is off says: ${head.attested}`;
}

function wayBack({ head }: Plan, text: TextHelpers): string {
  const back = `mailrecover standby promote --planned --to ${head.from}`;
  return head.reachable
    ? text.say`${back}, at any time`
    : text.say`'mailrecover standby failback' merges what ${head.from} holds; then ${back}`;
}
