import { MailrecoverError } from '../errors/error.ts';
import { notifyOf, recipientsOf } from './notify-config.ts';
import { PROBE_EXIT_CODES, PROBE_JSON, PROBE_OPTIONS, probeRoutes } from './notify-probe.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'notify test',
  summary: 'send a test mail by every transport, one after the other',
  description: [
    'Tries each transport by itself, without falling back to the next, so that one that is broken is found before it is needed. Nothing goes into the spool.',
  ],
  arguments: { transport: { value: 'TRANSPORT', description: 'only these transports', variadic: true } },
  options: PROBE_OPTIONS,
  examples: [
    { command: 'mailrecover notify test', says: 'Try all transports.' },
    { command: 'mailrecover notify test relay --to admin@example.net', says: 'Try one.' },
  ],
  exitCodes: PROBE_EXIT_CODES,
  json: PROBE_JSON,
  recordsHistory: true,
  async run(context, { transport: names }, { to }): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const { routes } = notify.delivery;
    const unknown = names.find((name) => routes.every((route) => route.name !== name));
    if (unknown !== undefined)
      throw new MailrecoverError('not-found', `there is no transport '${unknown}' in the configuration`, {
        hint: `the transports are: ${routes.map(({ name }) => name).join(', ') || 'none'}`,
        subject: unknown,
      });
    if (routes.length === 0)
      throw new MailrecoverError('config', 'no transport is configured', { hint: "add 'notify.transports' to the configuration" });
    const chosen = names.length === 0 ? routes : routes.filter(({ name }) => names.includes(name));
    return probeRoutes(context, notify, chosen, recipientsOf(notify, to, chosen));
  },
});
