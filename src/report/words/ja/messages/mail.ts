/** What is said of reports that do not get out, and of accounts. */
export const mail: readonly (readonly [string, string])[] = [
  [
    "see why: 'mailrecover notify status'; send now: 'mailrecover notify flush --all'",
    "原因は 'mailrecover notify status' で確認できます。すぐに送信するには 'mailrecover notify flush --all' を実行してください",
  ],
  ['{remedy}; then: mailrecover notify flush --all', '{remedy}。その後 mailrecover notify flush --all を実行してください'],

  ['free some space, then: mailrecover report --send', '空き容量を確保し、mailrecover report --send を実行してください'],

  ['the run was stopped', '処理が停止されました'],
  ['nobody was told how this run ended: {why}', '実行結果を報告できませんでした: {why}'],
  ["see the ways out: 'mailrecover notify test'", "'mailrecover notify test' で送信経路を確認してください"],
  ['no transport is configured, so nobody is told', '送信経路が設定されていないため、報告できません'],
  ["add 'notify.transports' to the configuration", "設定に 'notify.transports' を追加してください"],
  ['nobody is named to send to', '宛先が指定されていません'],
  ["add 'notify.to' to the configuration", "設定に 'notify.to' を追加してください"],
  ["'{path}' can't be understood, and is not sent", "'{path}' は内容を解釈できないため送信できません"],
  ["nobody has signed in to account '{account}' yet", "アカウント '{account}' へのサインインがまだ行われていません"],
  ["the {what} of account '{account}' {when}", "アカウント '{account}' の{what}は{when}"],
  ['client secret', 'クライアントシークレット'],
  ['certificate', '証明書'],
  ['login', 'サインイン'],
  ['ended {days} days ago', ' {days} 日前に期限が切れました'],
  ['ends in {days} days', ' {days} 日後に期限が切れます'],
  [
    'make a new secret in Entra, put it in place, and change secretExpires',
    'Entra で新しいシークレットを作成して差し替え、secretExpires を更新してください',
  ],
  ['make a new certificate, upload it in Entra, and put it in place', '新しい証明書を作成し、Entra に登録して差し替えてください'],

  ["the server can't take the mail now", '相手のサーバーが一時的に受け付けません'],
  ['it is tried again by itself', '自動的に再試行します'],
  ['{host} did not answer in time', '{host} が時間内に応答しませんでした'],
  ['check the firewall', 'ファイアウォールを確認してください'],
  ['the server does not take the login', 'サーバーがログインを受け付けません'],
  ['the server does not relay for this host', 'サーバーがこのホストからの中継を許可していません'],
  ["the recipient's mailbox is full", '宛先のメールボックスが満杯です'],
  ['there is no such recipient', '宛先が存在しません'],
  ['check the addresses in notify.to', 'notify.to のアドレスを確認してください'],
];
