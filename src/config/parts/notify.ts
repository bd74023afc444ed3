import * as z from 'zod';
import { CLOUDS } from '../../notify/oauth/account.ts';
import { TEMPLATES } from '../../notify/webhooks/template.ts';
import { linkPlacePart, linkProblems } from './links.ts';
import { referenceProblem } from '../../system/secret.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, '_' or '-'");

const address = z.string().regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'must be an address, such as admin@example.org');

const reference = z
  .string()
  .refine((text) => referenceProblem(text) === undefined, { error: ({ input }) => referenceProblem(String(input)) ?? 'is no reference' });

const path = z.string().startsWith('/', 'must be an absolute path');

const https = z.string().regex(/^https:\/\/[^\s/]+(\/\S*)?$/, 'must be an https:// address');

const endpointsPart = z.strictObject({
  login: https.optional().meta({
    description: 'where users sign in: for Microsoft the host of the sign-in service, for Google the address of the sign-in page',
    examples: ['https://login.microsoftonline.us'],
  }),
  token: https.optional().meta({ description: 'for Google, where tokens are given', examples: ['https://oauth2.googleapis.com/token'] }),
  api: https.optional().meta({ description: 'the host of Graph or of the Gmail API', examples: ['https://graph.microsoft.us'] }),
});

/** An account at Microsoft or Google through which mail is sent. */
const accountPart = z.strictObject({
  name: name.meta({ description: 'what the account is called in transports and on the command line', examples: ['m365'] }),
  provider: z.enum(['microsoft', 'google']).meta({ description: 'whose account it is', examples: ['microsoft'] }),
  grant: z.enum(['application', 'delegated']).default('application').meta({
    description:
      '`application`: mail is sent with rights of the application itself (client credentials; at Google a service account); `delegated`: a user signs in once, with `mailrecover auth login`',
  }),
  mailbox: address.meta({ description: 'the mailbox that sends', examples: ['backup@example.org'] }),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, 'must be a directory (tenant) id or a domain')
    .optional()
    .meta({ description: 'Microsoft: the directory (tenant) id', examples: ['8c0d1f3e-0b5a-4e0c-9c55-0d8b8b1b7a11'] }),
  cloud: z.enum(CLOUDS).default('global').meta({ description: 'Microsoft: which cloud the tenant is in' }),
  clientId: z
    .string()
    .min(1, 'must not be empty')
    .optional()
    .meta({ description: 'the id of the application; not for a service account', examples: ['3f1d7c1e-2f60-4c5e-8f0e-6c0e2b4b9a10'] }),
  clientSecret: reference.optional().meta({ description: 'a reference to its secret', examples: ['credential:m365-secret'] }),
  secretExpires: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d$/, 'must be a day, such as 2027-05-31')
    .optional()
    .meta({ description: 'the day on which that secret ends, as the portal says; status warns before it', examples: ['2027-05-31'] }),
  certificate: reference.optional().meta({
    description:
      'Microsoft: a reference to a certificate in PEM (and its private key, where certificateKey names none); it is used in place of the secret',
    examples: ['file:/etc/mailrecover/m365.pem'],
  }),
  certificateKey: reference
    .optional()
    .meta({ description: 'a reference to the private key of that certificate', examples: ['credential:m365-key'] }),
  serviceAccount: reference
    .optional()
    .meta({ description: "Google: a reference to the service account's key file (JSON)", examples: ['file:/etc/mailrecover/google.json'] }),
  largeMail: z
    .boolean()
    .default(false)
    .meta({ description: 'Microsoft, delegated: ask for Mail.ReadWrite too, which attachments of more than some 2 MB need' }),
  caFile: path
    .optional()
    .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/ssl/certs/proxy.pem'] }),
  endpoints: endpointsPart.prefault({}).meta({ description: "other servers than the provider's public ones" }),
});

/** A way to get mail out. */
const transportPart = z.strictObject({
  name: name.meta({ description: 'what the transport is called in results', examples: ['graph'] }),
  kind: z.enum(['graph', 'gmail', 'smtp-oauth2', 'smtp', 'mx', 'webhook']).meta({
    description:
      "Microsoft Graph, the Gmail API, SMTP with an OAuth2 account, a plain relay, the servers of the recipients' own domains, or a webhook",
    examples: ['graph'],
  }),
  account: name.optional().meta({ description: 'the account it sends with; not for smtp', examples: ['m365'] }),
  from: address
    .optional()
    .meta({ description: "the sender's address; by default that of the account, or of notify", examples: ['backup@example.org'] }),
  host: z
    .string()
    .regex(/^[A-Za-z0-9:.-]+$/, 'must be a host name or an address')
    .optional()
    .meta({ description: 'the SMTP server; smtp-oauth2 knows those of Microsoft and Google', examples: ['relay.example.net'] }),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .meta({ description: 'its port; by default 587, or 465 with tls, or 25 with none and for mx', examples: [587] }),
  security: z
    .enum(['starttls', 'tls', 'none', 'opportunistic'])
    .optional()
    .meta({
      description:
        'TLS is demanded with starttls, which is the default, and tls; none is for a relay on this host; opportunistic is the default for mx: TLS where it is offered',
      examples: ['starttls'],
    }),
  user: z
    .string()
    .min(1, 'must not be empty')
    .optional()
    .meta({ description: 'smtp: who logs in', examples: ['mailrecover'] }),
  password: reference
    .optional()
    .meta({ description: 'smtp: a reference to the password', examples: ['file:/etc/mailrecover/relay-password'] }),
  caFile: path
    .optional()
    .meta({ description: 'a certificate authority to trust beside the usual ones, PEM', examples: ['/etc/ssl/certs/relay.pem'] }),
  ehlo: z
    .string()
    .regex(/^[A-Za-z0-9.-]+$/, 'must be a host name')
    .optional()
    .meta({ description: "mx: the name that this host introduces itself with; by default the system's", examples: ['mx1.example.org'] }),
  nameServers: z
    .array(
      z
        .string()
        .regex(/^(?:[0-9.]+(?::\d+)?|\[[0-9A-Fa-f:]+\](?::\d+)?|[0-9A-Fa-f:]+)$/, 'must be an address, such as 192.0.2.53')
        .meta({ examples: ['192.0.2.53'] }),
    )
    .default([])
    .meta({ description: "mx: name servers to ask in place of the system's" }),
  template: z
    .enum(TEMPLATES)
    .optional()
    .meta({ description: 'webhook: which service it is; generic is a document of our own', examples: ['slack'] }),
  url: z
    .string()
    .refine((text) => https.safeParse(text).success || referenceProblem(text) === undefined, {
      error: 'must be an https:// address, or a reference to one',
    })
    .optional()
    .meta({
      description:
        'webhook: a reference to its address; one that is no secret (ntfy, pagerduty, generic) may stand here itself. pagerduty has one by default',
      examples: ['file:/etc/mailrecover/slack-webhook'],
    }),
  token: reference.optional().meta({
    description: 'webhook: a reference to the access token (ntfy), the routing key (pagerduty) or the secret that signs (generic)',
    examples: ['file:/etc/mailrecover/pagerduty-key'],
  }),
  always: z.boolean().default(false).meta({
    description: 'webhook: told of every message, in addition; without it, it has its turn where the transports before it failed',
  }),
});

type TransportPart = z.output<typeof transportPart>;
type AccountPart = z.output<typeof accountPart>;

/** Telling people: to whom, and by which ways, in this order. */
export const notifyPart = z
  .strictObject({
    to: z
      .array(address.meta({ examples: ['admin@example.net'] }))
      .default([])
      .meta({ description: 'who is told; at least one address should live outside the domains of this mail server' }),
    from: address
      .optional()
      .meta({ description: "the sender's address, where a transport has none of its own", examples: ['mailrecover@mx1.example.org'] }),
    accounts: z.array(accountPart).default([]).meta({ description: 'accounts at Microsoft 365 and Google' }),
    transports: z.array(transportPart).default([]).meta({ description: 'ways to get mail out; they are tried in this order' }),
    links: z.array(linkPlacePart).default([]).meta({ description: 'places from which files are handed out by link (`mailrecover links`)' }),
    reserve: z
      .int()
      .min(0)
      .max(1024)
      .default(4)
      .meta({ description: 'MB set aside below the state directory, so that the message "disk full" gets out of a full disk' }),
  })
  .superRefine(({ accounts, transports, links, from }, context) => {
    const issue = (at: (string | number)[], message: string): void => context.addIssue({ code: 'custom', path: at, message });
    for (const [index, account] of accounts.entries()) accountProblems(account, (key, message) => issue(['accounts', index, key], message));
    for (const [index, transport] of transports.entries())
      transportProblems(transport, accounts, from, (key, message) => issue(['transports', index, key], message));
    const mailing = new Set(transports.flatMap(({ account }) => account ?? []));
    for (const [index, place] of links.entries())
      linkProblems(place, accounts, mailing, (key, message) => issue(['links', index, key], message));
    for (const [list, items] of [
      ['accounts', accounts],
      ['transports', transports],
      ['links', links],
    ] as const) {
      const seen = new Set<string>();
      for (const [index, item] of items.entries()) {
        if (seen.has(item.name)) issue([list, index, 'name'], `is used twice: '${item.name}'`);
        seen.add(item.name);
      }
    }
  });

type Report = (key: string, message: string) => void;

function accountProblems(account: AccountPart, report: Report): void {
  if (account.provider === 'microsoft') {
    if (account.tenant === undefined) report('tenant', 'is missing');
    if (account.clientId === undefined) report('clientId', 'is missing');
    if (account.grant === 'application' && account.clientSecret === undefined && account.certificate === undefined)
      report('clientSecret', "is missing, or 'certificate' in its place");
    if (account.certificateKey !== undefined && account.certificate === undefined) report('certificateKey', "needs 'certificate'");
    return;
  }
  if (account.grant === 'application' && account.serviceAccount === undefined)
    report('serviceAccount', "is missing; for a user who signs in write 'grant: delegated'");
  if (account.grant === 'delegated' && account.clientId === undefined) report('clientId', 'is missing');
}

function transportProblems(transport: TransportPart, accounts: readonly AccountPart[], from: string | undefined, report: Report): void {
  const { kind, account: named } = transport;
  if (kind === 'webhook') return webhookProblems(transport, report);
  if (transport.always) report('always', 'is for webhooks');
  if (transport.security === 'opportunistic' && kind !== 'mx') report('security', 'can be opportunistic for mx alone');
  if (kind === 'mx') {
    if (transport.from === undefined && from === undefined) report('from', "is missing, here or as 'notify.from'");
    if (transport.security === 'tls') report('security', 'must be opportunistic, starttls or none for mx');
    return;
  }
  if (kind === 'smtp') {
    if (transport.host === undefined) report('host', 'is missing');
    if (named !== undefined) report('account', "is for graph, gmail and smtp-oauth2; smtp has 'user' and 'password'");
    if (transport.from === undefined && from === undefined) report('from', "is missing, here or as 'notify.from'");
    if ((transport.user === undefined) !== (transport.password === undefined)) report('user', "and 'password' go together");
    if (transport.user !== undefined && transport.security === 'none') report('security', 'must not be none where a password is sent');
    return;
  }
  if (kind === 'smtp-oauth2' && transport.security === 'none') report('security', 'must not be none where a token is sent');
  const account = accounts.find((each) => each.name === named);
  if (named === undefined) return report('account', 'is missing');
  if (account === undefined) return report('account', `names no account: '${named}'`);
  const provider = { graph: 'microsoft', gmail: 'google', 'smtp-oauth2': account.provider }[kind];
  if (account.provider !== provider) report('account', `must be an account at ${provider}`);
}

function webhookProblems({ template, url, token, account, host, user, password, from }: TransportPart, report: Report): void {
  for (const [key, value] of Object.entries({ account, host, user, password, from }))
    if (value !== undefined) report(key, 'is not for webhooks');
  if (template === undefined) return report('template', 'is missing');
  if (url === undefined && template !== 'pagerduty') report('url', 'is missing');
  if (url?.startsWith('https://') === true && (template === 'slack' || template === 'teams'))
    report('url', 'must be a reference: whoever knows the address may post there');
  if (template === 'pagerduty' && token === undefined) report('token', 'is missing: the routing key');
  if (token !== undefined && (template === 'slack' || template === 'teams')) report('token', 'is in the address already');
}
