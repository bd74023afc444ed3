import { topWords, type CompletionModel, type OptionModel, type ValueModel } from './model.ts';

/** A script for bash 4 and later; it needs nothing of the bash-completion package. */
export function bashScript(model: CompletionModel): string {
  const groups = new Map<string, string[]>();
  for (const { words } of model.commands) {
    const [group = '', verb] = words;
    if (verb !== undefined) groups.set(group, [...(groups.get(group) ?? []), verb]);
  }
  const valueCases = model.commands.flatMap(({ words, options }) =>
    options.map((option) => valueCase(`${words.join(' ')}:${option.flag}`, option)),
  );
  const lines = [
    '# bash completion for mailrecover; made by `mailrecover completion bash`',
    '_mailrecover() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev= command= word index skip=',
    '  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD-1]}',
    '  COMPREPLY=()',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    word=${COMP_WORDS[index]}',
    '    if [[ -n $skip ]]; then skip=; continue; fi',
    '    case $word in',
    `      ${model.globals
      .filter(takesValue)
      .map(({ flag }) => flag)
      .join('|')}) skip=1 ;;`,
    '      -*) ;;',
    '      *)',
    '        if [[ -z $command ]]; then command=$word',
    ...[...groups].map(
      ([group, verbs]) => `        elif [[ $command == ${group} && " ${verbs.join(' ')} " == *" $word "* ]]; then command="${group} $word"`,
    ),
    '        fi ;;',
    '    esac',
    '  done',
    '  case $command:$prev in',
    ...model.globals.filter(takesValue).map((option) => `    ${valueCase(`*:${option.flag}`, option, false)}`),
    ...valueCases.filter((line) => line !== '').map((line) => `    ${line}`),
    '  esac',
    '  local flags=' + quote(model.globals.map(({ flag }) => flag).join(' ')) + ' words=',
    '  case $command in',
    `    '') words=${quote([...topWords(model).map(({ word }) => word), 'help'].join(' '))} ;;`,
    ...[...groups].map(([group, verbs]) => `    ${quote(group)}) words=${quote(verbs.join(' '))} ;;`),
    ...model.commands.map(({ words, options, argument }) => {
      const flags = options.map(({ flag }) => ` ${flag}`).join('');
      const offered = argument.kind === 'words' ? ` words=${quote(argument.words.join(' '))};` : '';
      const files =
        argument.kind === 'file'
          ? ' [[ $cur == -* ]] || compopt -o default;'
          : argument.kind === 'directory'
            ? ' [[ $cur == -* ]] || compopt -o dirnames;'
            : '';
      return `    ${quote(words.join(' '))}) flags+=${quote(flags)};${offered}${files} ;;`;
    }),
    '  esac',
    '  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur"))',
    '  else COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '  fi',
    '}',
    'complete -F _mailrecover mailrecover',
  ];
  return `${lines.join('\n')}\n`;
}

function takesValue({ value }: OptionModel): boolean {
  return value.kind !== 'none';
}

function valueCase(pattern: string, option: OptionModel, quoted = true): string {
  if (!takesValue(option)) return '';
  return `${quoted ? quote(pattern) : pattern}) ${valueReply(option.value)}return ;;`;
}

function valueReply(value: ValueModel): string {
  if (value.kind === 'words') return `COMPREPLY=($(compgen -W ${quote(value.words.join(' '))} -- "$cur")); `;
  if (value.kind === 'file') return 'compopt -o default; ';
  return value.kind === 'directory' ? 'compopt -o dirnames; ' : '';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
