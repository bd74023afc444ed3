import { PURPOSES } from '../notify/oauth/account.ts';
import { namedAccount, notifyOf } from './notify-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'auth token',
  summary: 'print an access token, for msmtp, imapsync or curl',
  description: [
    'Prints an access token of the account and nothing else. It is taken from what is kept where that is good for five more minutes, and asked for otherwise. Whoever sees it can use it for about an hour.',
  ],
  arguments: { account: { value: 'ACCOUNT', description: 'the account, as the configuration calls it', required: true } },
  options: {
    for: {
      kind: 'choice',
      value: 'WHAT',
      choices: PURPOSES,
      description: 'what it is for: the mail API, SMTP, IMAP, or files handed out by link',
      default: 'smtp',
    },
    fresh: { kind: 'flag', description: 'ask for a new one in any case' },
  },
  examples: [
    { command: 'mailrecover auth token m365', says: "Give msmtp a token: passwordeval 'mailrecover auth token m365', with auth xoauth2." },
    { command: 'mailrecover auth token m365 --for imap', says: 'Give imapsync a token: --oauthaccesstoken1 FILE.' },
  ],
  exitCodes: { 0: 'the token was printed', 12: 'the provider gave none, or nobody has signed in', 13: 'the provider could not be reached' },
  json: { token: 'the token', expiresAt: 'until when it is good', mailbox: 'whose mailbox it is for' },
  async run(context, { account: name }, { for: purpose, fresh }): Promise<CommandResult> {
    const notify = await notifyOf(context);
    const account = namedAccount(notify, name);
    const [{ accessToken }, { isoTime }] = await Promise.all([import('../notify/oauth/tokens.ts'), import('../system/clock.ts')]);
    const { token, expiresAt } = await accessToken(account, purpose, { state: notify.delivery.state, fresh });
    return { outcome: 'ok', fields: { token, expiresAt: isoTime(expiresAt), mailbox: account.mailbox }, output: `${token}\n` };
  },
});
