/** What is said of hosts, proofs, goals and the schedule. */
export const status: readonly (readonly [string, string])[] = [
  ['there is no backup of {host} yet', '{host} のバックアップはまだありません'],
  ['there are only partial backups of {host}', '{host} には不完全なバックアップしかありません'],
  [
    "make one: 'mailrecover backup'; see why there was none: 'mailrecover history'",
    "'mailrecover backup' でバックアップを取得してください。実行されなかった理由は 'mailrecover history' で確認できます",
  ],
  ['the newest complete backup of {host} is {age}: it is of {time}', '{host} の最新の完全なバックアップは{age}です (取得日時 {time})'],
  ['more than a day old', '1 日以上前のもの'],
  ['older than the goal of {span}', '目標 {span} より古いもの'],
  ['something could not be read by the newest backup of {host}', '{host} の最新のバックアップで読み取れないものがありました'],
  ["run it again and read what it names: 'mailrecover backup'", "'mailrecover backup' を再実行し、表示される対象を確認してください"],

  ["run it again: 'mailrecover {command}'", "'mailrecover {command}' を再実行してください"],
  ['the last check ({time}) found damage', '前回の検査 ({time}) で破損が見つかりました'],
  ["see which: 'mailrecover check --read-data'", "'mailrecover check --read-data' で破損箇所を確認してください"],

  ["see 'mailrecover history --failed'", "'mailrecover history --failed' で確認してください"],
  ['no verification of a backup of {host} is known', '{host} のバックアップは一度も復元検証されていません'],
  ["prove it: 'mailrecover verify --level server'", "'mailrecover verify --level server' で復元検証を行ってください"],
  ['the last verification was on {time}', '最後の復元検証は {time} です'],
  [
    'whether a restore takes less than the goal of {span} is not known: no verification was of all mailboxes',
    '復旧時間が目標 {span} に収まるかは不明です (全メールボックスの検証がまだありません)',
  ],
  [
    "measure it: 'mailrecover verify --level server' without --sample",
    "--sample を付けずに 'mailrecover verify --level server' を実行し、所要時間を測定してください",
  ],
  [
    'the last verification of all mailboxes took {span}, the goal is {goal}',
    '全メールボックスの復元検証に {span} かかりました (目標 {goal})',
  ],
  [
    'a faster disk below --scratch, more threads (backup.workers), or another goal',
    '--scratch をより速いディスクに置く、スレッド数 (backup.workers) を増やす、または目標を見直してください',
  ],
  [
    'the disk of the repository is full in {days} {unit}, on about {date}',
    '保存先のディスクは約 {days} 日後 ({date} ごろ) に満杯になります',
  ],
  ['make room there, or keep fewer snapshots', '空き容量を確保するか、保持するスナップショットを減らしてください'],
  [
    'nobody has confirmed that the private key was written down; without it no backup can be read',
    '秘密鍵を控えたことが確認されていません。秘密鍵がなければバックアップは読めません',
  ],
  [
    'print the recovery sheet, keep it away from this host, then: mailrecover key confirm',
    '復旧シートを印刷してこのホスト以外の場所に保管し、mailrecover key confirm を実行してください',
  ],
  ['a private key lies bare on this host: {path}', '秘密鍵が保護されずにこのホストに置かれています: {path}'],
  ['remove it once it is on paper: mailrecover key confirm', '紙に控えたうえで mailrecover key confirm を実行し、削除してください'],
  ['wrap it in a passphrase, or remove it', 'パスフレーズで保護するか、削除してください'],
  [
    "verifications by host '{host}' do not count: they are signed by a key that nobody has confirmed here",
    "ホスト '{host}' による復元検証は数えません (署名鍵がここで確認されていません)",
  ],
  [
    "if it is that host's key, add it to 'trust' in the configuration: {key}",
    "そのホストの鍵に間違いなければ、設定の 'trust' に追加してください: {key}",
  ],
  [
    "the history of host '{host}' is signed by a key that nobody has confirmed here: {key}",
    "ホスト '{host}' の実行履歴の署名鍵はここで確認されていません: {key}",
  ],
  [
    'a mail store with {count} {unit} is not backed up: {says}',
    'メールボックス {count} 個のメールストアがバックアップの対象外です: {says}',
  ],
  ["add it to 'stores' in the configuration", "設定の 'stores' に追加してください"],
  [
    'the configuration of {names}, keys and user databases are not backed up',
    '{names} の設定、鍵、ユーザーデータベースがバックアップの対象外です',
  ],

  ["add 'system: {}' to the configuration", "設定に 'system: {}' を追加してください"],
  [
    'users stand in a database ({live}), and no database is dumped into the backups',
    'ユーザーはデータベース ({live}) にありますが、データベースのダンプがバックアップに含まれていません',
  ],
  ["name it below 'system.databases' in the configuration", "設定の 'system.databases' に追加してください"],
  [
    'the repository lies on the same file system as the mail of {stores}: what destroys the one destroys the other',
    '保存先が{stores}のメールと同じファイルシステムにあります。障害時に両方を失います',
  ],

  ["store '{name}'", "ストア '{name}' "],
  [
    'put it on another disk, best on another host, or copy it there after each backup',
    '別のディスク、できれば別のホストに置くか、バックアップのたびにそこへ複製してください',
  ],
  ['the repository was {copied}', '保存先は{copied}'],
  ['never copied to a second place', '一度も別の場所に複製されていません'],
  ['last copied to a second place on {time}', ' {time} 以降、別の場所に複製されていません'],
  ["copy it, best after each backup: 'mailrecover copy'", "できればバックアップのたびに 'mailrecover copy' で複製してください"],

  [
    "name a place away from this host under 'copies' in the configuration, and run 'mailrecover copy' after each backup",
    "設定の 'copies' にこのホスト以外の場所を追加し、バックアップのたびに 'mailrecover copy' を実行してください",
  ],
  ['the last proof of {count} {unit} failed: {names}', 'メールボックス {count} 個の前回の復元検証が失敗しました: {names}'],
  ["see why: 'mailrecover verify --mailbox MAILBOX'", "'mailrecover verify --mailbox MAILBOX' で原因を確認してください"],
  [
    '{count} of {all} mailboxes were not proved within {days} days: {names}',
    'メールボックス {all} 個中 {count} 個が {days} 日以内に復元検証されていません: {names}',
  ],
  [
    "prove a part each night: 'mailrecover verify --rotate {days}'",
    "'mailrecover verify --rotate {days}' で毎晩一部ずつ復元検証してください",
  ],
  [
    "job '{job}' was due {times}, at {due} for the last time, and did not run; {since}",
    "ジョブ '{job}' は{times}実行予定でしたが (直近の予定 {due})、実行されていません。{since}",
  ],
  ['once', ' 1 回'],
  ['{count} times', ' {count} 回'],
  ['it has not run since it was installed', '導入後、一度も実行されていません'],
  ['it ran last at {time}', '最後の実行は {time} です'],
  [
    "see whether it is started: 'systemctl list-timers --all' or the log of cron",
    "'systemctl list-timers --all' または cron のログで、起動されているか確認してください",
  ],
  ["nothing was ever heard of host '{host}'", "ホスト '{host}' からの情報が一度もありません"],
  [
    "nothing was heard of host '{host}' for more than {span}: the last was on {time}",
    "ホスト '{host}' からの情報が {span} 以上途絶えています (最後は {time})",
  ],
  [
    "is it up, and does its schedule run? ask there: 'mailrecover status'",
    "稼働しているか、定期実行が動いているかを、そのホストの 'mailrecover status' で確認してください",
  ],
  [
    'only what this host remembers stands here, since the repository tells nothing: {why}',
    '保存先を参照できないため、このホストの記録だけを示します: {why}',
  ],
];
