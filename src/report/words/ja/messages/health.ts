/** The running server: its certificates. */
export const health: readonly (readonly [string, string])[] = [
  ["no certificate of this server is for '{0}'", "'{0}' 用の証明書がこのサーバーにありません"],
  [
    'get one that has that name, or correct health.certificates.names in the configuration',
    'この名前を含む証明書を取得するか、設定の health.certificates.names を直してください',
  ],
  ['look at it: openssl x509 -text -noout -in FILE', '内容を確認してください: openssl x509 -text -noout -in FILE'],
  ["'{0}' holds no certificate", "'{0}' に証明書がありません"],
  ["'{0}' holds a certificate that can not be read", "'{0}' の証明書を読み取れません"],
  ["the certificate of {0} ('{1}')", "{0} の証明書 ('{1}') "],
  ['no name', '名前なし'],
  [
    "renew it, put it in place, and reload the servers: 'systemctl reload postfix dovecot'",
    "更新して差し替え、サーバーに読み込ませてください: 'systemctl reload postfix dovecot'",
  ],
  ['{0} ended on {1}', '{0}は {1} に期限が切れました'],
  ['{0} begins on {1} only', '{0}は {1} から有効です'],
  ['set the clock right, or put the one before back in place', '時計を合わせるか、以前の証明書に戻してください'],
  ['{0} ends in {1} days, on {2}', '{0}は {1} 日後 ({2}) に期限が切れます'],
  [
    "put the certificates between it and the authority behind it into the file (often called 'fullchain.pem'), and reload the servers",
    "認証局までの中間証明書をその後ろに加え (多くは 'fullchain.pem')、サーバーに読み込ませてください",
  ],
  ["in '{0}' certificate {1} did not sign the one before it", "'{0}' の {1} 番目の証明書は、その前の証明書に署名していません"],
  [
    "'{0}' leads to no authority that is known here: its last certificate is signed by {1}",
    "'{0}' は既知の認証局につながりません。最後の証明書の発行者: {1}",
  ],
  ['certificates can not be looked at: {0}', '証明書を確認できません: {0}'],
  ['run it as root, or as a user that may read them', 'root または読み取り権限のあるユーザーで実行してください'],
];
