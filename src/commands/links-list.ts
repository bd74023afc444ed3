import type { Finding } from '../errors/finding.ts';
import { LINK_JSON } from './links/shown.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'links list',
  summary: 'see what was handed out by link, to whom, and until when',
  description: ['Reads the ledger below the state directory and asks nobody. Links that are over and were not removed yet are a finding.'],
  arguments: {},
  options: { all: { kind: 'flag', description: 'also those that were revoked or have expired' } },
  examples: [{ command: 'mailrecover links list', says: 'See what can be read by others now.' }],
  exitCodes: { 0: 'the ledger was read', 4: 'the ledger is damaged' },
  json: { ...LINK_JSON, 'counts.open': 'how many can be read now', 'counts.ended': 'how many can no longer' },
  async run(context, _args, { all }): Promise<CommandResult> {
    const { state } = await context.config();
    const [{ readLinks }, { dueLinks }, { shownLink }, { isoTime }] = await Promise.all([
      import('../notify/links/ledger.ts'),
      import('../notify/links/links.ts'),
      import('./links/shown.ts'),
      import('../system/clock.ts'),
    ]);
    const links = await readLinks(state);
    const alive = links.filter((link) => link.state === 'open' || link.state === 'pending');
    const due = new Set((await dueLinks(state)).map(({ id }) => id));
    const findings: Finding[] = alive
      .filter(({ id }) => due.has(id))
      .map((link) => ({
        severity: 'warning',
        code: link.state === 'pending' ? 'link-unfinished' : 'link-over',
        message: `link ${link.id} ('${link.name}') ${link.state === 'pending' ? 'was never finished' : 'is over'} and was not removed from ${link.place}`,
        hint: 'mailrecover links expire',
        subject: link.id,
      }));
    const shown = all ? links : alive;
    return {
      outcome: findings.length === 0 ? 'ok' : 'warning',
      counts: { open: alive.length, ended: links.length - alive.length },
      findings,
      fields: { links: shown.map(shownLink) },
      render: (text) =>
        shown.length === 0
          ? text.say`no links`
          : text.table(
              shown.map((link) => [
                link.id,
                {
                  open: text.green(text.say`open`),
                  pending: text.yellow(text.say`pending`),
                  revoked: text.say`revoked`,
                  expired: text.say`expired`,
                }[link.state],
                link.place,
                link.name,
                text.size(link.bytes),
                text.time(isoTime(link.endedAt ?? link.expiresAt)),
                link.open === true ? text.say`whoever has the link` : link.readers.join(', '),
              ]),
              {
                head: [text.say`id`, text.say`state`, text.say`place`, text.say`file`, text.say`size`, text.say`until`, text.say`readers`],
                right: [4],
              },
            ),
    };
  },
});
