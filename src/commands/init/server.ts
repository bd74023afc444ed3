/** What `init` says of the server beside its mail. */
import type { Finding } from '../../errors/finding.ts';
import { dovecotSources } from '../../store/system/sources/dovecot.ts';
import { postfixSources } from '../../store/system/sources/postfix.ts';
import type { UsedDatabase } from '../../store/system/types.ts';

/** Which mail servers are installed here. */
export interface Servers {
  postfix: boolean;
  dovecot: boolean;
}

/** The databases that the configuration of the mail servers reads, each once. */
async function usedDatabases({ postfix, dovecot }: Servers, signal: AbortSignal): Promise<UsedDatabase[]> {
  const sources = await Promise.all([
    ...(postfix ? [postfixSources(undefined, signal)] : []),
    ...(dovecot ? [dovecotSources(undefined, signal)] : []),
  ]);
  const found = new Map(sources.flatMap(({ databases }) => databases).map((each) => [`${each.kind} ${each.path ?? ''}`, each]));
  return [...found.values()];
}

/** As it stands in a configuration, in one line. */
function partOf(databases: readonly UsedDatabase[]): string {
  if (databases.length === 0) return 'system: {}';
  const lines = databases.map(({ kind, path }, index) => {
    const name = databases.findIndex((each) => each.kind === kind) === index ? kind : `${kind}${index + 1}`;
    return `{ name: ${name}, preset: ${kind === 'ldap' ? 'slapcat' : kind}${path === undefined ? '' : `, database: ${JSON.stringify(path)}`} }`;
  });
  return `system: { databases: [${lines.join(', ')}] }`;
}

/**
 * Suggests to back up what belongs to the mail servers that are here.
 * @param deep whether they are asked which databases they read
 */
export async function suggestSystem(servers: Servers, deep: boolean, signal: AbortSignal): Promise<Finding[]> {
  const names = [...(servers.postfix ? ['Postfix'] : []), ...(servers.dovecot ? ['Dovecot'] : [])];
  if (names.length === 0) return [];
  const databases = deep ? await usedDatabases(servers, signal) : [];
  const reads =
    databases.length === 0
      ? ''
      : `, and ${names.length === 1 ? 'reads' : 'they read'} ${databases.length === 1 ? 'a database' : `${databases.length} databases`}`;
  return [
    {
      severity: 'info',
      code: 'system-suggested',
      message:
        names.length === 1
          ? `${names.join('')} is installed here${reads}: configuration, queue, keys and databases are backed up where the configuration says 'system:'`
          : `Postfix and Dovecot are installed here${reads}: configuration, queue, keys and databases are backed up where the configuration says 'system:'`,
      hint: `add a line to the configuration: ${partOf(databases)}`,
    },
  ];
}
