/** How messages are put together from parts that have translations of their own, and what is said by others in the name of this program. */
export const SHAPES: readonly (readonly [string, string])[] = [
  ['(for {0})', '(宛先 {0})'],
  ["'{0}' ({1}) {2}", "'{0}' ({1}) は{2}"],
  ["'{0}' {1}", "'{0}' は{1}"],
  ['Postfix and Dovecot', 'Postfix と Dovecot'],
  ['{0} ({1})', '{0} ({1})'],
  ['{0}; {1}', '{0}。{1}'],
  ['{0}: {1}', '{0}: {1}'],
  ['{0}, {1}', '{0}、{1}'],
  // What has no two words beside each other.
  ["store '{0}' finds {1} {2} by {3}", "ストア '{0}' ({3}): メールボックス {1} 個"],
  [', and {0} {1}', '。{1}も使っています'],
  ['{0} databases', 'データベース {0} 個'],
  ['a database', 'データベース'],
  // What the parser of the command line says.
  ["unknown option '{0}'", "オプション '{0}' はありません"],
  ["option '{0}' argument missing", "オプション '{0}' の値がありません"],
  ["missing required argument '{0}'", "引数 '{0}' が必要です"],
  ["too many arguments for '{0}'", "'{0}' の引数が多すぎます"],
  ["option '{0}' argument '{1}' is invalid: {2}", "オプション '{0}' の値 '{1}' は無効です: {2}"],
  ['allowed choices are {0}', '選べる値: {0}'],
  ['{0} [yes/no]', '{0} [yes/no]'],
  ['warning:', '警告:'],
];
