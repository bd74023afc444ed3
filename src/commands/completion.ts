import { defineCommand } from './types.ts';

export default defineCommand({
  name: 'completion',
  summary: 'print a completion script for a shell',
  description: [
    'Prints a script that lets a shell complete commands, options and their values. Put it where the shell looks, or load it from its start-up file.',
  ],
  arguments: {
    shell: { value: 'SHELL', description: 'bash, zsh or fish', required: true, choices: ['bash', 'zsh', 'fish'] },
  },
  options: {},
  examples: [
    { command: 'mailrecover completion bash > /etc/bash_completion.d/mailrecover', says: 'Install completion for bash.' },
    { command: 'mailrecover completion zsh > /usr/local/share/zsh/site-functions/_mailrecover', says: 'Install completion for zsh.' },
    { command: 'mailrecover completion fish > ~/.config/fish/completions/mailrecover.fish', says: 'Install completion for fish.' },
  ],
  exitCodes: { 0: 'the script was printed' },
  json: { shell: 'the shell', script: 'the script' },
  async run(_context, { shell }) {
    const [{ registry }, { completionScript }] = await Promise.all([import('./index.ts'), import('./completion/script.ts')]);
    const script = completionScript(shell, await registry.loadAll());
    return { outcome: 'ok', fields: { shell, script }, output: script };
  },
});
