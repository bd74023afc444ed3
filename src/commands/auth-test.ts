import type { Route } from '../notify/routes.ts';
import { namedAccount, notifyOf, recipientsOf } from './notify-config.ts';
import { PROBE_EXIT_CODES, PROBE_JSON, PROBE_OPTIONS, probeRoutes } from './notify-probe.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'auth test',
  summary: 'send a mail with an account, and explain what is in the way',
  description: [
    'Gets a token and sends a mail by each transport that uses the account; by the mail API (Graph, Gmail) where none does. What the provider refuses is explained with what to change: a wrong id, a missing consent or scope, SMTP AUTH that is switched off, a sender that is not allowed, a wrong clock.',
  ],
  arguments: { account: { value: 'ACCOUNT', description: 'the account, as the configuration calls it', required: true } },
  options: PROBE_OPTIONS,
  examples: [{ command: 'mailrecover auth test m365 --to admin@example.net', says: 'Try an account before it is used.' }],
  exitCodes: PROBE_EXIT_CODES,
  json: PROBE_JSON,
  recordsHistory: true,
  async run(context, { account: name }, { to }): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const account = namedAccount(notify, name);
    const { routes, state } = notify.delivery;
    const own = routes.filter((route) => 'account' in route.options && route.options.account.name === name);
    const tokens = { state };
    const fallback: Route =
      account.provider === 'microsoft'
        ? { name: 'graph', kind: 'graph', options: { account, from: account.mailbox, tokens } }
        : { name: 'gmail', kind: 'gmail', options: { account, from: account.mailbox, tokens } };
    const chosen = own.length === 0 ? [fallback] : own;
    return probeRoutes(context, notify, chosen, recipientsOf(notify, to, chosen));
  },
});
