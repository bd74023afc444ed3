import { topWords, type CompletionModel, type OptionModel, type ValueModel } from './model.ts';

/** A script for zsh; to be put into a directory of `$fpath` as `_mailrecover`. */
export function zshScript(model: CompletionModel): string {
  const groups = [...new Set(model.commands.filter(({ words }) => words.length > 1).map(({ words }) => words[0] ?? ''))];
  const lines = [
    '#compdef mailrecover',
    '# zsh completion for mailrecover; made by `mailrecover completion zsh`',
    '_mailrecover() {',
    '  local context state state_descr line command',
    '  typeset -A opt_args',
    '  local -a globals=(',
    ...model.globals.map((option) => `    ${spec(option)}`),
    '  )',
    "  _arguments -C $globals '1: :->command' '*:: :->rest' && return",
    '  case $state in',
    '    command)',
    `      local -a commands=(${topWords(model)
      .map(({ word, summary }) => quote(`${word}:${escape(summary)}`))
      .join(' ')})`,
    '      _describe command commands ;;',
    '    rest)',
    '      command=$words[1]',
    ...groups.flatMap((group) => {
      const verbs = model.commands.filter(({ words }) => words[0] === group && words.length > 1);
      return [
        `      if [[ $command == ${group} ]]; then`,
        '        if ((CURRENT == 2)); then',
        `          local -a verbs=(${verbs.map(({ words, summary }) => quote(`${words[1] ?? ''}:${escape(summary)}`)).join(' ')})`,
        '          _describe command verbs; return',
        '        fi',
        '        command="$words[1] $words[2]"; shift words; ((CURRENT--))',
        '      fi',
      ];
    }),
    '      case $command in',
    ...model.commands.flatMap(({ words, options, argument }) => [
      `        ${quote(words.join(' '))})`,
      `          _arguments $globals ${[...options.map(spec), ...(argument.kind === 'none' ? [] : [quote(`*:argument:${action(argument)}`)])].join(' ')} ;;`,
    ]),
    '      esac ;;',
    '  esac',
    '}',
    'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _mailrecover "$@"; else compdef _mailrecover mailrecover; fi',
  ];
  return `${lines.join('\n')}\n`;
}

function spec({ flag, description, value, repeatable }: OptionModel): string {
  const text = `[${escape(description).replaceAll(']', '\\]')}]`;
  return quote(`${repeatable ? '*' : ''}${flag}${text}${value.kind === 'none' ? '' : `:value:${action(value)}`}`);
}

function action(value: ValueModel): string {
  if (value.kind === 'words') return `(${value.words.join(' ')})`;
  if (value.kind === 'file') return '_files';
  return value.kind === 'directory' ? '_files -/' : ' ';
}

function escape(text: string): string {
  return text.replace(/[\\:[]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
