import type { Words } from '../index.ts';
import { n } from './number.ts';

export const commands: Words['commands'] = {
  backup: {
    row: {
      snapshot: 'スナップショット',
      holds: '内容',
      server: 'サーバー設定',
      changed: '変更',
      read: '読み取り',
      stored: '保存',
      took: '所要時間',
    },
    dry: 'なし (試行のみ)',
    holds: (messages, folders, boxes) => `メール ${n(messages)} 通 (フォルダー ${n(folders)} 個、メールボックス ${n(boxes)} 個)`,
    server: (files, databases) => `ファイル ${n(files)} 個${databases === 0 ? '' : `、データベース ${n(databases)} 個`}`,
    changed: (fresh, gone, flags) => `新着 ${fresh} 通、削除 ${gone} 通、フラグ変更 ${flags} 通`,
    read: (mail, other) => `メール ${mail}、その他のファイル ${other}`,
  },
  verify: {
    row: {
      level: (level) => `レベル ${level}`,
      compared: '比較',
      login: '最初のログインまで',
      restored: '復元完了まで',
      newest: '最新のメール',
    },
    proved: '復元可能を確認',
    wrong: (different, missing, unexpected) => `相違 ${different} 件、欠落 ${missing} 件、余分 ${unexpected} 件`,
    compared: (compared, messages, boxes) => `メール ${n(messages)} 通中 ${compared} 通 (メールボックス ${n(boxes)} 個)`,
  },
  check: {
    row: { snapshots: 'スナップショット', objects: 'オブジェクト', state: '状態' },
    sound: '健全',
    wrong: (damaged, missing) => `破損 ${damaged} 件、欠落 ${missing} 件`,
    allRead: (objects) => `${objects} 個 (すべて読み取り)`,
    byName: (objects) => `${objects} 個 (名前とサイズを照合)`,
  },
  snapshots: {
    empty: (command) => `スナップショットがありません。次のコマンドで作成してください: ${command}`,
    head: { snapshot: 'スナップショット', made: '作成日時', host: 'ホスト', messages: 'メール数', size: 'サイズ', added: '追加量' },
    partial: '不完全',
  },
  history: {
    empty: '実行履歴がありません',
    head: {
      started: '開始日時',
      host: 'ホスト',
      command: 'コマンド',
      state: '状態',
      took: '所要時間',
      snapshot: 'スナップショット',
      said: '内容',
    },
    earlier: (left) => `… 以前の履歴 ${left} 件。--limit 0 ですべて表示します`,
  },
  prune: {
    nothing: 'なし',
    amount: (objects, size) => `オブジェクト ${n(objects)} 個、${size}`,
    needed: '使用中',
    removed: { done: '削除', dry: '削除の対象' },
    marked: { done: '削除予定に指定', dry: '削除予定の対象' },
    later: (amount) => `${amount} (以降の prune で削除します)`,
    waiting: '待機中',
    untilBackup: (amount, hosts) => `${amount}: ${hosts} の次のバックアップまで`,
    untilTime: (amount, time) => `${amount}: ${time} まで`,
  },
};
