/** How messages are put together from parts that have translations of their own, and words that only make sense within them. */
export const SHAPES: readonly (readonly [string, string])[] = [
  ['(for {0})', '(宛先 {0})'],
  ["'{0}' ({1}) {2}", "'{0}' ({1}) は{2}"],
  ["'{0}' {1}", "'{0}' は{1}"],
  ['Postfix and Dovecot', 'Postfix と Dovecot'],
  ['{0} ({1})', '{0} ({1})'],
  ['{0}; {1}', '{0}。{1}'],
  ['{0}: {1}', '{0}: {1}'],
  ['{0}, {1}', '{0}、{1}'],
  ['{0} [yes/no]', '{0} [yes/no]'],
  ['warning:', '警告:'],
];
