import { accessSync, constants, existsSync, statSync } from 'node:fs';
import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { parseLocation } from '../repository/targets/location.ts';
import { diskStores, targetAt } from './from-config.ts';
import { defineCommand, type CommandContext } from './types.ts';

export default defineCommand({
  name: 'config check',
  summary: 'check the configuration and name every mistake in it',
  description: [
    'Reads the configuration and tells everything that is wrong with it, with line and column, and what a misspelt key was probably meant to be. Then looks whether the mail and the repository lie where it says; where the repository is on a server, it logs in there. And it warns where nobody could be told on the day when this mail server is down.',
  ],
  arguments: {},
  options: {},
  examples: [
    { command: 'mailrecover config check', says: 'Check the configuration after a change.' },
    { command: 'mailrecover config check --config ./new.yaml', says: 'Check a file before it is put in place.' },
  ],
  exitCodes: { 0: 'the configuration is valid, perhaps with warnings' },
  json: { config: 'the configuration with all defaults filled in, where it is valid', path: 'the file that was checked' },
  async run(context) {
    const path = context.configPath;
    const [{ readConfig }, { parseConfig }] = await Promise.all([import('../config/load.ts'), import('../config/parse.ts')]);
    const parsed = parseConfig(readConfig(path));
    if (parsed.config === undefined) {
      const findings = parsed.problems.map(({ line, column, message, hint }): Finding => {
        const finding: Finding = { severity: 'error', code: 'config', message: `${path}:${line}:${column}: ${message}`, subject: path };
        return hint === undefined ? finding : { ...finding, hint };
      });
      return { outcome: 'failed', cause: 'config', counts: { problems: findings.length }, findings, fields: { path } };
    }
    const { config } = parsed;
    const { recipientFindings } = await import('./recipients.ts');
    const findings = [
      ...permissionFindings(path),
      ...placeFindings(config),
      ...(await verbFindings(config)),
      ...(await repositoryFindings(context, config)),
      ...(await recipientFindings(config, context.signal)),
    ];
    return {
      outcome: findings.length === 0 ? 'ok' : 'warning',
      counts: { problems: 0, warnings: findings.length },
      findings,
      fields: { path, config },
      render: (text) =>
        text.pairs([
          [text.say`configuration`, `${path}  ${text.green(text.say`valid`)}`],
          ...config.stores.map(({ name, path: pattern, imap }): [string, string] => [
            text.say`store ${name}`,
            pattern ?? text.say`IMAP accounts ${imap?.accounts.join(', ') ?? ''}`,
          ]),
          [text.say`repository`, config.repository.at],
          [
            text.say`encryption`,
            config.encryption
              ? text.say`to ${config.recipients.length} recipient${config.recipients.length === 1 ? '' : 's'}`
              : text.yellow(text.say`none`),
          ],
          [text.say`state`, config.state],
        ]),
    };
  },
});

/** Whoever may write the configuration decides where mail goes. */
function permissionFindings(path: string): Finding[] {
  const { mode } = statSync(path);
  if ((mode & 0o022) === 0) return [];
  return [
    { severity: 'warning', code: 'config-writable', message: `others may write '${path}'`, hint: `chmod go-w ${path}`, subject: path },
  ];
}

/** Commands whose ends are to be reported, and that there are not. */
async function verbFindings({ report }: Config): Promise<Finding[]> {
  const { registry } = await import('./index.ts');
  const names = registry.names();
  return report.after
    .filter((verb) => !names.includes(verb))
    .map((verb) => ({
      severity: 'warning',
      code: 'report-unknown',
      message: `'report.after' in the configuration names '${verb}', and there is no such command`,
      hint: `commands are: ${names.join(', ')}`,
      subject: verb,
    }));
}

function placeFindings(config: Config): Finding[] {
  const findings: Finding[] = [];
  for (const { name, path } of diskStores(config.stores)) {
    const fixed = fixedPart(path);
    const problem = !existsSync(fixed) ? 'does not exist' : isReadable(fixed) ? undefined : 'can not be read by this user';
    if (problem !== undefined) {
      findings.push({
        severity: 'warning',
        code: 'store-path',
        message: `the mail of store '${name}' is not there: '${fixed}' ${problem}`,
        subject: fixed,
      });
    }
  }
  return findings;
}

/** Looks whether there is a repository: on a server that means to log in there. */
async function repositoryFindings(context: CommandContext, config: Config): Promise<Finding[]> {
  const { at } = config.repository;
  const missing: Finding = {
    severity: 'warning',
    code: 'no-repository',
    message: `there is no repository at '${at}' yet`,
    hint: 'mailrecover init',
    subject: at,
  };
  if (parseLocation(at).kind === 'local') return existsSync(at) ? [] : [missing];
  const { MARKER } = await import('../repository/repository.ts');
  try {
    const target = await targetAt(context, at, config.repository);
    return (await target.size(MARKER)) === undefined ? [missing] : [];
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    const { code, message, hint } = error;
    return [{ severity: 'warning', code, message, subject: at, ...(hint === undefined ? {} : { hint }) }];
  }
}

/** The directory above the first variable of a pattern. */
function fixedPart(pattern: string): string {
  const at = pattern.search(/%[^%]/);
  const fixed = at < 0 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', at));
  return fixed.replaceAll('%%', '%') || '/';
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
