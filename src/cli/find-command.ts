import type { Registry } from '../commands/index.ts';
import type { AnyCommand } from '../commands/types.ts';
import { MailrecoverError } from '../errors/error.ts';

/**
 * The commands that a command line can mean: one where its first words name one, those of a group
 * where they name a group and help was asked for, all where only help was asked for.
 * @throws MailrecoverError `usage` with a suggestion
 */
export async function findCommands(words: readonly string[], help: boolean, registry: Registry): Promise<AnyCommand[]> {
  const [first, second] = words[0] === 'help' ? words.slice(1) : words;
  const wantsHelp = help || words[0] === 'help';
  if (first === undefined) {
    if (wantsHelp) return registry.loadAll();
    throw new MailrecoverError('usage', 'no command was given', { hint: "'mailrecover --help' lists the commands" });
  }
  const command = (await registry.load(`${first} ${second}`)) ?? (await registry.load(first));
  if (command !== undefined) return [command];

  const { suggest } = await import('../errors/suggest.ts');
  const group = registry.names().filter((name) => name.startsWith(`${first} `));
  if (group.length > 0 && second === undefined && wantsHelp) {
    return (await registry.loadAll()).filter(({ name }) => group.includes(name));
  }
  if (group.length > 0) {
    const verbs = group.map((name) => name.slice(first.length + 1));
    const meant = second === undefined ? undefined : suggest(second, verbs);
    throw new MailrecoverError(
      'usage',
      second === undefined ? `'${first}' needs to know what to do` : `unknown command '${first} ${second}'`,
      {
        hint:
          meant === undefined
            ? `there is: ${group.map((name) => `mailrecover ${name}`).join(', ')}`
            : `did you mean 'mailrecover ${first} ${meant}'?`,
      },
    );
  }
  const names = [...new Set(registry.names().map((name) => name.split(' ', 1)[0] ?? name))];
  const later = words.slice(1).find((word) => names.includes(word));
  if (later !== undefined && suggest(first, names) === undefined) {
    throw new MailrecoverError('usage', `unknown command '${first}'`, {
      hint: `the options of a command stand behind it: 'mailrecover ${later} …'`,
    });
  }
  const meant = suggest(first, names);
  throw new MailrecoverError('usage', `unknown command '${first}'`, {
    hint: meant === undefined ? "'mailrecover --help' lists the commands" : `did you mean 'mailrecover ${meant}'?`,
  });
}
