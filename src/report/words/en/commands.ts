import { count } from './count.ts';

const mailboxes = (value: number): string => count(value, 'mailbox', 'mailboxes');

/** What the commands of every day print: `backup`, `verify`, `check`, `snapshots`, `history`, `prune`. */
export const commands = {
  backup: {
    row: { snapshot: 'snapshot', holds: 'holds', server: 'server', changed: 'changed', read: 'read', stored: 'stored', took: 'took' },
    dry: 'none (dry run)',
    holds: (messages: number, folders: number, boxes: number) =>
      `${count(messages, 'message', 'messages')} in ${count(folders, 'folder', 'folders')} of ${mailboxes(boxes)}`,
    server: (files: number, databases: number) =>
      `${count(files, 'file', 'files')}${databases === 0 ? '' : `, ${count(databases, 'database', 'databases')}`}`,
    changed: (fresh: string, gone: string, flags: string) => `${fresh} new, ${gone} gone, ${flags} flags`,
    read: (mail: string, other: string) => `${mail} of mail, ${other} of other files`,
  },
  verify: {
    row: {
      level: (level: string) => `level ${level}`,
      compared: 'compared',
      login: 'first login after',
      restored: 'restored after',
      newest: 'newest message',
    },
    proved: 'proved',
    wrong: (different: string, missing: string, unexpected: string) =>
      `${different} different, ${missing} missing, ${unexpected} unexpected`,
    compared: (compared: string, messages: number, boxes: number) =>
      `${compared} of ${count(messages, 'message', 'messages')} in ${mailboxes(boxes)}`,
  },
  check: {
    row: { snapshots: 'snapshots', objects: 'objects', state: 'state' },
    sound: 'sound',
    wrong: (damaged: string, missing: string) => `${damaged} damaged, ${missing} missing`,
    allRead: (objects: string) => `${objects}, all read`,
    byName: (objects: string) => `${objects}, by name and size`,
  },
  snapshots: {
    empty: (command: string) => `no snapshots; make one: ${command}`,
    head: { snapshot: 'snapshot', made: 'made', host: 'host', messages: 'messages', size: 'size', added: 'added' },
    partial: 'partial',
  },
  history: {
    empty: 'no runs',
    head: { started: 'started', host: 'host', command: 'command', state: 'state', took: 'took', snapshot: 'snapshot', said: 'said' },
    earlier: (left: string) => `… ${left} earlier; --limit 0 lists all`,
  },
  prune: {
    nothing: 'nothing',
    amount: (objects: number, size: string) => `${count(objects, 'object', 'objects')}, ${size}`,
    needed: 'needed',
    removed: { done: 'removed', dry: 'would be removed' },
    marked: { done: 'marked', dry: 'would be marked' },
    later: (amount: string) => `${amount}; a later prune removes it`,
    waiting: 'waiting',
    untilBackup: (amount: string, hosts: string) => `${amount}: until a backup of ${hosts}`,
    untilTime: (amount: string, time: string) => `${amount}: until ${time}`,
  },
};
