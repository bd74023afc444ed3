/** Mailboxes of the standby that Dovecot copies and merges. */
export const standbyDsync: readonly (readonly [string, string])[] = [
  ["'{0}' went away", "'{0}' がなくなりました"],
  ['it went away meanwhile', 'その間になくなりました'],
  ['{0} messages did not come, though Dovecot says that they did', 'Dovecot は完了としていますが、{0} 通のメールが届いていません'],
  ["folder '{0}' was deleted or renamed on the old host", "フォルダー '{0}' が旧ホストで削除または改名されています"],
  ["folder '{0}' is another one on each host", "フォルダー '{0}' は両ホストで別のものです"],
  [
    "folder '{0}' was deleted here, and got mail on the old host",
    "フォルダー '{0}' はこのホストで削除されましたが、旧ホストではメールを受け取っています",
  ],
  ["folder '{0}' has another UIDVALIDITY on each host", "フォルダー '{0}' の UIDVALIDITY が両ホストで異なります"],
  [
    'messages were marked as deleted on the old host, which is not carried over',
    '旧ホストで削除の印が付けられたメールがあり、この印は引き継がれません',
  ],
  ['flags of a message were changed on both hosts, in different ways', '同じメールのフラグが両ホストで別々に変更されています'],
  ['a message was moved on both hosts', '同じメールが両ホストで移動されています'],
  ['both hosts have new messages with the same GUID', '両ホストに同じ GUID の新しいメールがあります'],
  [
    "mailbox '{0}' can not be merged by Dovecot as it should be: {1}; it was left as it is on both hosts",
    "メールボックス '{0}' は Dovecot では正しく統合できません: {1}。両ホストともそのままにしました",
  ],
  [
    "take over by hand what is missing here; then, on either host: mailrecover standby sync --adopt --mailbox '{0}', which sets that of the old host aside there",
    "不足分を手作業で移してから、どちらかのホストで実行してください: mailrecover standby sync --adopt --mailbox '{0}' (旧ホストのメールボックスは脇に移されます)",
  ],
  [
    'see what it waits for (a file system that hangs?), and end it: kill -9 {0}',
    '何を待っているか (応答しないファイルシステムなど) を確認し、終了させてください: kill -9 {0}',
  ],
  ["'{0}' could not be made", "'{0}' を作成できませんでした"],
  [
    "mailbox '{0}' belongs to root, as whom Dovecot must not open mail",
    "メールボックス '{0}' の所有者が root です。Dovecot は root としてメールを開けません",
  ],
  ["give it to the user of its mail: chown -R … '{0}'", "メール用のユーザーを所有者にしてください: chown -R … '{0}'"],
  ["dovecot can not open mailbox '{0}': {1}", "Dovecot がメールボックス '{0}' を開けません: {1}"],
  [
    'see what doveadm says there; its configuration must be readable for the owner of the mail',
    'そのホストで doveadm の出力を確認してください。設定ファイルはメールの所有者が読める必要があります',
  ],
  [
    'Dovecot is not installed here, and only it can copy sdbox and mdbox',
    'ここには Dovecot がインストールされていません。sdbox と mdbox を複製できるのは Dovecot だけです',
  ],
  [
    'install the same packages of Dovecot on both hosts: standby prepare --check names what differs',
    '両ホストに同じ Dovecot パッケージをインストールしてください。違いは standby prepare --check で分かります',
  ],
  [
    'Dovecot {0} is too old to copy sdbox and mdbox: {1} or later is needed',
    'Dovecot {0} は古すぎて sdbox と mdbox を複製できません。{1} 以降が必要です',
  ],
  ['bring both hosts to the same version of Dovecot', '両ホストの Dovecot を同じバージョンにしてください'],
  ["the name '{0}' is no UTF-8, and Dovecot can not be given it", "名前 '{0}' は UTF-8 ではないため、Dovecot に渡せません"],
  ['rename it on both hosts', '両ホストで名前を変えてください'],
  [
    "mailbox '{0}' lies in another format on the active host than here, where it is {1}",
    "メールボックス '{0}' の形式が稼働系とここで異なります。ここでは {1} です",
  ],
  ["Dovecot could not copy mailbox '{0}': {1}", "Dovecot がメールボックス '{0}' を複製できませんでした: {1}"],
  [
    'run it again; if that does not help, see what doveadm says of the mailbox on both hosts (doveadm force-resync mends indexes)',
    '再実行してください。改善しない場合は両ホストで doveadm の出力を確認してください (索引は doveadm force-resync で修復できます)',
  ],
  ["mailbox '{0}' went away", "メールボックス '{0}' がなくなりました"],
  ["what doveadm says of mailbox '{0}' is not understood", "メールボックス '{0}' についての doveadm の出力を解釈できません"],
  ["this host has no store '{0}' that can be kept alike", "このホストには同期できるストア '{0}' がありません"],
  [
    'give the stores of both hosts the same names and formats in their configurations',
    '両ホストの設定でストアの名前と形式を同じにしてください',
  ],
  [
    "store '{0}' holds {1}, and only Maildir, sdbox and mdbox are kept alike on the standby",
    "ストア '{0}' は {1} 形式ですが、待機系と同期できるのは Maildir、sdbox、mdbox だけです",
  ],
  [
    'convert it to one of these (doveadm backup), or restore it from the repository when it is needed',
    'いずれかの形式に変換するか (doveadm backup)、必要なときにリポジトリから復元してください',
  ],
  [
    "mailbox '{0}' is no Maildir in the snapshot: from the repository only Maildirs are brought to the standby; it stays as the last synchronisation left it",
    "メールボックス '{0}' はスナップショットで Maildir ではありません。リポジトリから待機系に移せるのは Maildir だけです。前回の同期のままにします",
  ],
  [
    "once this host serves, put back what it lacks: mailrecover restore latest --mailbox '{0}'",
    "このホストがサービスを始めたら、不足分を戻してください: mailrecover restore latest --mailbox '{0}'",
  ],
  [
    "Dovecot says that it copied mailbox '{0}', and {1} messages or folders are missing on the standby",
    "Dovecot はメールボックス '{0}' を複製したとしていますが、待機系に {1} 件のメールまたはフォルダーがありません",
  ],
  [
    'see what doveadm says of it on both hosts (doveadm force-resync mends indexes), and run it again',
    '両ホストで doveadm の出力を確認し (索引は doveadm force-resync で修復できます)、再実行してください',
  ],
  [
    "mailbox '{0}' is not current, and is no Maildir: only Maildirs can begin anew",
    "メールボックス '{0}' は最新ではなく、Maildir でもありません。新しく始められるのは Maildir だけです",
  ],
  [
    'synchronise it first, or switch without --dial-tone: it serves what it has then',
    '先に同期するか、--dial-tone なしで切り替えてください。その場合は今ある内容で提供されます',
  ],
  [
    "store '{0}' holds mbox, which is not kept alike on the standby: a switch would not have its mail",
    "ストア '{0}' は mbox 形式で、待機系と同期されません。切り替えるとそのメールがなくなります",
  ],
  ['convert it to one of Maildir, sdbox and mdbox (doveadm backup)', 'Maildir、sdbox、mdbox のいずれかに変換してください (doveadm backup)'],
  ["store '{0}' holds Maildirs, which 'standby sync' copies itself", "ストア '{0}' は Maildir 形式で、'standby sync' が自ら複製します"],
  [
    "store '{0}' holds {1}, which 'standby sync' has Dovecot copy (dsync): doveadm is needed on both hosts",
    "ストア '{0}' は {1} 形式で、'standby sync' が Dovecot (dsync) に複製させます。両ホストに doveadm が必要です",
  ],
];
