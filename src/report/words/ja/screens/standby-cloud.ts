/** Services in place of a mail host. */
export const standbyCloud: readonly (readonly [string, string])[] = [
  ['{0} messages are still to come', '残り {0} 通'],
  [
    '{0} of {1} mailboxes of {2} could not be filled; run it again when that is mended',
    '{2} のメールボックス {1} 個のうち {0} 個にメールを入れられませんでした。解決してからもう一度実行してください',
  ],
  ['{0} takes no more today: {1}', '{0} は今日はこれ以上受け付けません: {1}'],
  ['{0} has all mail of the snapshot that it takes', '{0} には、受け付けられるスナップショットのメールがすべて入りました'],
  ['in all', '全体'],
  ['put there', '入れたメール'],
  ['to come', '残り'],
  ['go on', '続き'],
  ['from {0} on: mailrecover standby fill {1} --yes', '{0} 以降: mailrecover standby fill {1} --yes'],
  [
    '{0} serves since epoch {1}: a service, in place of {2} and {3}',
    'エポック {1} から {0} が稼働しています ({2} と {3} に代わるサービス)',
  ],
  [
    "{0}: begun {1} by {2}; go on there with 'mailrecover standby promote'",
    "{0}: {1} に {2} が開始しました。そこで 'mailrecover standby promote' を実行して続行してください",
  ],
  ['fill it', 'メールを入れる'],
  ['go back', '戻す'],
];
