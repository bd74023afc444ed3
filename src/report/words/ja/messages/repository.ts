/** What stands between a run and its repository, its files, its server. */
export const repository: readonly (readonly [string, string])[] = [
  ["there is no repository at '{place}'", "'{place}' にリポジトリがありません"],
  [
    "check 'repository' in the configuration (is the disk mounted, the path right?), or make one with 'mailrecover init'",
    "設定の 'repository' を確認してください (ディスクのマウント、パスの誤りなど)。新規の場合は 'mailrecover init' で作成してください",
  ],
  ["'{file}' of the repository is damaged", "リポジトリの '{file}' が破損しています"],
  ['the repository is locked by {holder}', 'リポジトリはロックされています: {holder}'],
  ["wait until it has ended, or look closer: 'mailrecover unlock'", "終了を待つか、'mailrecover unlock' で状況を確認してください"],
  ['the lock on the repository was taken away from this run, so it stopped', 'リポジトリのロックが失われたため、処理を中止しました'],
  ["unable to reach '{where}': {why}", "'{where}' に接続できません: {why}"],
  ["unable to {action} '{path}': {why}", "'{path}' の処理 ({action}) に失敗しました: {why}"],
  ['unable to reach {where}: {why}', '{where} に接続できません: {why}'],
  ['nothing answers on that port', 'そのポートでは応答がありません'],
  ['there is no host of that name', 'その名前のホストはありません'],
  ['the name could not be looked up', '名前を解決できませんでした'],
  ['it does not answer', '応答がありません'],
  ['there is no route to its network', 'ネットワークへの経路がありません'],
  ['there is no route to it', 'ホストへの経路がありません'],
  ['it closed the connection', '相手側が接続を切断しました'],
  ['permission denied', '権限がありません'],
  ['operation not permitted', '操作が許可されていません'],
  ['the file system is read-only', 'ファイルシステムが読み取り専用です'],
  ['the disk reported an input/output error', 'ディスクが入出力エラーを返しました'],
  ['no space left on the file system', 'ファイルシステムに空きがありません'],
  ['the disk quota is used up', 'ディスククォータを使い切りました'],
  ['too many open files', '開いているファイルが多すぎます'],
  ['the name is too long', '名前が長すぎます'],
  ['no such file or directory', 'ファイルまたはディレクトリがありません'],
  [
    'free some space there and run the command again; what was complete is kept',
    '空き容量を確保してから再実行してください。完了した分は保持されます',
  ],
  ['run it as root, or as the user that makes the backups', 'root またはバックアップを行うユーザーで実行してください'],
  ["the server does not let '{where}' in", "サーバーが '{where}' のログインを拒否しました"],

  ['wait, and run the command again; what was complete is kept', 'しばらく待ってから再実行してください。完了した分は保持されます'],
  [
    "snapshot {id} of host '{host}' is of {time}, which is still to come",
    "ホスト '{host}' のスナップショット {id} の日時 {time} は未来です",
  ],
  [
    "set the clocks right; if this host's is right, then: mailrecover approve {id} --reason TEXT",
    '時計を合わせてください。このホストの時計が正しければ mailrecover approve {id} --reason TEXT を実行してください',
  ],

  ['far more messages vanished than ever do from one backup to the next', '通常をはるかに超える数のメールが消えています'],
  ['many mailboxes vanished at once', '多数のメールボックスが一度に消えています'],
  ['the flags of most messages changed at once', 'ほとんどのメールのフラグが一度に変わっています'],
  [
    'messages have other bytes under their old names, which mail never has',
    '同じ名前のままメールの中身が変わっています (通常は起こりません)',
  ],
  [
    'new files are neither mail nor compressed or encrypted mail: so looks what ransomware leaves',
    'メールでも圧縮・暗号化メールでもないファイルが増えています (ランサムウェアの痕跡の可能性があります)',
  ],
  [
    "look at what changed ('mailrecover diff'); if all is as it should be: mailrecover approve {id} --reason TEXT",
    "'mailrecover diff' で変更内容を確認してください。問題がなければ mailrecover approve {id} --reason TEXT を実行してください",
  ],
];
