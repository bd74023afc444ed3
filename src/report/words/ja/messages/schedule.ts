/** The schedule. */
export const schedule: readonly (readonly [string, string])[] = [
  ["job '{0}' does not run at {1}: clocks skip {2}", "ジョブ '{0}' は {1} には実行されません (時計が {2} を飛ばします)"],
  [
    "job '{0}' runs after the change of clocks in place of {1}: they skip {2}",
    "ジョブ '{0}' は {1} の代わりに時計の切り替え後に実行されます (時計が {2} を飛ばします)",
  ],
  [
    "job '{0}' pauses for {1} minutes: clocks show {2} twice, and it runs the first time only",
    "ジョブ '{0}' は {1} 分間休みます。時計が {2} を 2 回示し、1 回目だけ実行されます",
  ],
  ["job '{0}' runs the first time only: clocks show {1} twice", "ジョブ '{0}' は 1 回目だけ実行されます (時計が {1} を 2 回示します)"],
  ["'{0}' is no cron expression: it {1}", "'{0}' は cron 式ではありません: {1}"],
  [
    "five fields: minute, hour, day of the month, month, day of the week, such as '30 3 * * *'",
    "分、時、日、月、曜日の 5 項目です (例: '30 3 * * *')",
  ],
  ['may be one of {0}, or five fields', '{0} のどれか、または 5 項目を指定してください'],
  ['must have five fields: minute, hour, day of the month, month, day of the week', '分、時、日、月、曜日の 5 項目が必要です'],
  [
    "restricts both days, one of them by '*/…', which crons read in two ways; write the days out, or use two jobs",
    "日と曜日の両方を制限し、片方が '*/…' です。cron により解釈が異なるため、日を列挙するかジョブを二つに分けてください",
  ],
  ['never comes: no such month has a day {0}', '該当する日がありません (その月に {0} 日はありません)'],
  ["has '{0}' as {1}, which is no number, range, list or step", "{1}の '{0}' は、数値、範囲、一覧、間隔のどれでもありません"],
  [
    "has '{0}' as {1}: a step follows '*' or a range, such as {2}-{3}/{4}",
    "{1}の '{0}': 間隔は '*' か範囲の後に付けます (例: {2}-{3}/{4})",
  ],
  ["has '{0}' as {1}, which goes from {2} to {3}", "{1}の '{0}' は範囲外です ({2} から {3} まで)"],
  ["has '{0}' as {1}: a range goes upwards", "{1}の '{0}': 範囲は小さい方から指定してください"],
  ["has '{0}' as {1}: a step of 0 never ends", "{1}の '{0}': 間隔を 0 にはできません"],
  [
    'cron knows the clock of this host ({0}) only, and the schedule asks for {1}',
    'cron はこのホストの時計 ({0}) しか使えませんが、スケジュールは {1} を求めています',
  ],
  [
    "write the times for the host's clock and take 'timeZone' out of 'schedule'",
    "時刻をこのホストの時計で書き、'schedule' から 'timeZone' を外してください",
  ],
  ["'{0}' was changed since it was made, and is left as it is", "'{0}' は作成後に変更されているため、そのまま残します"],
  ["'{0}' was not made by '{1}', and is left as it is", "'{0}' は '{1}' が作成したものではないため、そのまま残します"],
  ["'{0}' was made from '{1}', and is left as it is", "'{0}' は '{1}' から作られたものなので、そのまま残します"],
  [
    "see what it is for; if it need not be there, remove it, and run 'mailrecover {0}' again",
    "何のためのものかを確かめ、不要であれば削除してから、'mailrecover {0}' をもう一度実行してください",
  ],
  [
    "move changes into a drop-in (systemctl edit), remove the file, and run 'mailrecover {0}' again",
    "変更を drop-in (systemctl edit) に移してファイルを削除し、'mailrecover {0}' を再実行してください",
  ],
  [
    "give this schedule another name ('name' in 'schedule'), or remove the file",
    "このスケジュールに別の名前 ('schedule' の 'name') を付けるか、ファイルを削除してください",
  ],
];
