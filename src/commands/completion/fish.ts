import { topWords, type CompletionModel, type OptionModel, type ValueModel } from './model.ts';

/** A script for fish. */
export function fishScript(model: CompletionModel): string {
  const tops = topWords(model).map(({ word }) => word);
  const lines = [
    '# fish completion for mailrecover; made by `mailrecover completion fish`',
    'complete -c mailrecover -f',
    ...model.globals.map((option) => optionLine(option, '')),
    ...topWords(model).map(
      ({ word, summary }) =>
        `complete -c mailrecover -n ${quote(`not __fish_seen_subcommand_from ${tops.join(' ')}`)} -a ${word} -d ${quote(summary)}`,
    ),
  ];
  for (const { words, summary, options, argument } of model.commands) {
    const [first = '', second] = words;
    const siblings = model.commands
      .filter((other) => other.words[0] === first && other.words.length > 1)
      .map((other) => other.words[1] ?? '');
    let seen = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined) {
      const none = `${seen}; and not __fish_seen_subcommand_from ${siblings.join(' ')}`;
      lines.push(`complete -c mailrecover -n ${quote(none)} -a ${second} -d ${quote(summary)}`);
      seen += `; and __fish_seen_subcommand_from ${second}`;
    }
    lines.push(...options.map((option) => optionLine(option, ` -n ${quote(seen)}`)));
    const offered = offer(argument);
    if (offered !== '') lines.push(`complete -c mailrecover -n ${quote(seen)}${offered}`);
  }
  return `${lines.join('\n')}\n`;
}

function optionLine({ flag, description, value }: OptionModel, condition: string): string {
  const takes = value.kind === 'none' ? '' : ` -r${offer(value)}`;
  return `complete -c mailrecover${condition} -l ${flag.slice(2)} -d ${quote(description)}${takes}`;
}

function offer(value: ValueModel): string {
  if (value.kind === 'words') return ` -a ${quote(value.words.join(' '))}`;
  if (value.kind === 'file') return ' -F';
  return value.kind === 'directory' ? " -a '(__fish_complete_directories)'" : '';
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
