/** The question who serves, before mail starts. */
export const standbyGuard: readonly (readonly [string, string])[] = [
  [
    '--install, --remove, --boot, --watch and --tell exclude each other',
    '--install、--remove、--boot、--watch、--tell は同時に指定できません',
  ],
  ["nobody can say whether '{0}' serves: {1}", "'{0}' が稼働すべきホストかどうか、誰にも確かめられません: {1}"],
  ['serve without asking anybody on {0}?', '{0} を、誰にも確かめずに稼働させますか?'],
  ['have {0} ask who serves before it does?', '{0} が稼働する前に、どのホストが稼働しているか確かめるようにしますか?'],
  [
    'see that the repository and the other host answer: mailrecover standby guard',
    'リポジトリともう一方のホストが応答するか確かめてください: mailrecover standby guard',
  ],
  [
    "nobody could say whether '{0}' still serves, and its mail starts: {1}",
    "'{0}' が今も稼働すべきホストかどうか確かめられないまま、メールを開始します: {1}",
  ],
  [
    'it goes on asking; see who serves: mailrecover standby status',
    '引き続き確かめます。どのホストが稼働しているかは: mailrecover standby status',
  ],
  [
    "'{0}' serves since epoch {1}, says {2}: mail on '{3}' is stopped and masked",
    "エポック {1} から '{0}' が稼働しています ({2}による)。'{3}' のメールは停止し、マスクしました",
  ],
  [
    "merge what '{0}' has, on '{1}': mailrecover standby failback",
    "'{0}' にあるものを統合するには、'{1}' で: mailrecover standby failback",
  ],
  [
    "nobody could say whether '{0}' still serves, and its mail does not start: {1}",
    "'{0}' が今も稼働すべきホストかどうか確かめられないため、メールを開始しません: {1}",
  ],
  [
    'it goes on asking, and starts mail as soon as it may; to start it all the same: mailrecover standby guard --remove, and then systemctl start {0}',
    '引き続き確かめ、稼働してよいと分かり次第メールを開始します。それでも開始するには: mailrecover standby guard --remove、その後 systemctl start {0}',
  ],
  [
    'nothing keeps {0} from serving again at the next boot after a switch away from a dead host',
    '停止したホストから切り替えた後、{0} が次の起動で再び稼働するのを防ぐものがありません',
  ],
  ['there: mailrecover standby guard --install', 'そのホストで: mailrecover standby guard --install'],
  ["mail on '{0}' waits, since its guard could ask nobody: {1}", "'{0}' のメールは、ガードが誰にも確かめられないため待機しています: {1}"],
  ["see what it says, on '{0}': mailrecover standby guard", "'{0}' で状態を確かめてください: mailrecover standby guard"],
  [
    "the repository says that '{0}' serves since epoch {1}, and its mail services do not run: mail goes on here",
    "リポジトリではエポック {1} から '{0}' が稼働していますが、そのメールサービスは動いていません。ここでメールを続けます",
  ],
  ['see who is to serve: mailrecover standby status', 'どのホストが稼働すべきかは: mailrecover standby status'],
  ['must be 10s or more', '10s 以上でなければなりません'],
  ['must be 5s or more', '5s 以上でなければなりません'],
  [
    "the repository says epoch {0}, and '{1}' serves since epoch {2}",
    "リポジトリではエポック {0} ですが、'{1}' はエポック {2} から稼働しています",
  ],
  ["'{0}' is about to take the place of '{1}'", "'{0}' が '{1}' に代わろうとしています"],
  ['the repository', 'リポジトリ'],
  ["a switch to '{0}' is not finished", "'{0}' への切り替えが完了していません"],
  ['the switch to this host', 'このホストへの切り替え'],
  ['what this host remembers', 'このホストの記憶'],
  ['--root goes with --install or --remove', '--root は --install または --remove とともに使います'],
];
