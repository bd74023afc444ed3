import { MailrecoverError } from '../errors/error.ts';
import { PURPOSES } from '../notify/oauth/account.ts';
import { namedAccount, notifyOf } from './notify-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'auth login',
  summary: 'sign in once at Microsoft 365 or Google, so that mail can be sent unattended',
  description: [
    "For accounts with 'grant: delegated'. Prints an address to open in a browser and waits until the sign-in is done; the login is kept below the state directory, readable by this user alone.",
    '--way browser waits on a port of this host for the browser to come back (with PKCE); where the browser runs elsewhere, a tunnel brings it back. --way paste needs no tunnel: the address that the browser ends at is pasted. --way device shows a code to type at another device; Microsoft only, and many organisations block it, which is why it is not the default.',
  ],
  arguments: { account: { value: 'ACCOUNT', description: 'the account, as the configuration calls it', required: true } },
  options: {
    way: {
      kind: 'choice',
      value: 'WAY',
      choices: ['browser', 'paste', 'device'],
      description: 'how the sign-in comes back here',
      default: 'browser',
    },
    port: { kind: 'number', value: 'PORT', description: 'the port to wait on; any free one by default', min: 1, max: 65_535 },
    for: { kind: 'choice', value: 'WHAT', choices: PURPOSES, description: 'what the login is for; by default what its transports need' },
  },
  examples: [
    { command: 'mailrecover auth login m365', says: 'Sign in with a browser.' },
    { command: 'mailrecover auth login m365 --way device', says: 'Sign in with a code at another device.' },
  ],
  exitCodes: {
    0: 'signed in',
    1: 'the sign-in was refused, or nobody signed in in time',
    12: 'the provider gave no token',
    13: 'the provider could not be reached',
  },
  json: { account: 'the account', mailbox: 'who should have signed in', dies: 'when the login ends if it is not used' },
  recordsHistory: true,
  async run(context, { account: name }, { way, port, for: named }): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const account = namedAccount(notify, name);
    if (account.grant === 'application')
      throw new MailrecoverError('usage', `account '${name}' needs no login: it sends with the rights of the application`, {
        hint: `mailrecover auth test ${name}`,
      });
    const purposes = notify.purposesOf(account);
    // At Google the right to use SMTP includes that of the API.
    const purpose = named ?? (account.provider === 'google' && purposes.includes('smtp') ? 'smtp' : (purposes[0] ?? 'api'));
    const { loginByBrowser, loginByDevice, loginByPaste } = await import('../notify/oauth/login.ts');
    const { inLanguage } = await import('../report/words/say.ts');
    const say = (english: string): string => inLanguage(context.lang, english);
    if (way === 'paste' && !context.interactive)
      throw new MailrecoverError('usage', '--way paste asks for an address, and there is no terminal to ask at', {
        hint: `over SSH: ssh -t HOST mailrecover auth login ${name} --way paste`,
      });
    const options = { purpose, state: notify.delivery.state, signal: context.signal, tell: context.tell, say };
    if (way === 'device') {
      if (account.provider !== 'microsoft')
        throw new MailrecoverError('usage', 'Google gives no mail rights for device codes', { hint: `mailrecover auth login ${name}` });
      await loginByDevice({ ...options, account });
    } else if (way === 'paste') await loginByPaste({ ...options, account }, (question) => context.ask(question));
    else await loginByBrowser({ ...options, account }, port ?? 0);
    const { accountState } = await import('../notify/oauth/expiry.ts');
    const { isoTime } = await import('../system/clock.ts');
    const login = (await accountState(account, notify.delivery.state)).deaths.find(({ what }) => what === 'login');
    return {
      outcome: 'ok',
      fields: { account: name, mailbox: account.mailbox, ...(login === undefined ? {} : { dies: isoTime(login.at) }) },
      render: (text) =>
        [
          text.say`${text.green(text.say`signed in`)} to account ${text.bold(name)}`,
          ...(login === undefined
            ? []
            : [text.say`it ends on ${text.time(isoTime(login.at))} unless it is used; a weekly 'mailrecover auth refresh' uses it`]),
          text.say`next: mailrecover auth test ${name}`,
        ].join('\n'),
    };
  },
});
