/** How a run ended; these fit nearly anything, so they come last. */
export const runs: readonly (readonly [string, string])[] = [
  ["'{command}' failed: {why}", "'{command}' は失敗しました: {why}"],
  ["'{command}' failed", "'{command}' は失敗しました"],
  ['it was stopped by a signal', 'シグナルにより停止されました'],
  ['interrupted by {signal}', '{signal} により中断されました'],
  ['it used more memory than it may, and was killed', 'メモリの上限を超えたため強制終了されました'],
  ['it took longer than it may, and was stopped', '制限時間を超えたため停止されました'],

  ["see why: 'journalctl -u {service}'", "'journalctl -u {service}' で原因を確認してください"],
  ["'{subject}' is missing", "'{subject}' がありません"],
  ["'{subject}' should not be there", "'{subject}' は存在しないはずです"],
];
