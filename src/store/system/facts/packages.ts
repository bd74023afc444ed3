/** What is installed, in which version, and what starts by itself. */
import { readFileSync } from 'node:fs';
import { MailrecoverError } from '../../../errors/error.ts';
import { run } from '../../../system/exec.ts';
import { namesIn } from '../sources/paths.ts';

/** What a command prints, or undefined where it is not installed or does not work here. */
async function told(command: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    return (await run(command, args, { timeoutMs: 30_000, ...(signal === undefined ? {} : { signal }) })).stdout;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MailrecoverError) return undefined;
    throw error;
  }
}

/** One line a package: name, version, architecture, and `manual` where an administrator asked for it; tabs between them. */
export async function packagesFact(signal?: AbortSignal): Promise<string | undefined> {
  // ${db:Status-Abbrev} is `ii ` for what is installed (dpkg-query(1)).
  const listed = await told('dpkg-query', ['-W', '-f', '${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\n'], signal);
  if (listed === undefined) return sortLines(await told('rpm', ['-qa', '--qf', '%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t\\n'], signal));
  const automatic = automaticPackages();
  const lines = listed.split('\n').flatMap((line) => {
    const [status = '', name = '', version = '', architecture = ''] = line.split('\t');
    return status.startsWith('ii') ? [`${name}\t${version}\t${architecture}\t${automatic.has(name) ? '' : 'manual'}`] : [];
  });
  return sortLines(lines.join('\n'));
}

/** Packages that came for the sake of others, as apt keeps them; asking apt-mark takes more than a second. */
function automaticPackages(): Set<string> {
  try {
    const text = readFileSync('/var/lib/apt/extended_states', 'utf8');
    return new Set(
      text.split('\n\n').flatMap((block) => (/^Auto-Installed: 1$/m.test(block) ? [/^Package: (.*)$/m.exec(block)?.[1] ?? ''] : [])),
    );
  } catch {
    return new Set();
  }
}

/** Units that start by themselves: what `systemctl enable` linked, one line each with what wants it. */
export function servicesFact(root = '/etc/systemd/system'): string {
  const wanted = namesIn(root).filter((name) => /\.(?:wants|requires)$/.test(name));
  return sortLines(wanted.flatMap((target) => namesIn(`${root}/${target}`).map((unit) => `${unit}\t${target}`)).join('\n')) ?? '';
}

/** Name, system and kernel of the host, its addresses, and the versions of its mail servers. */
export async function hostFact(signal?: AbortSignal): Promise<string> {
  const { hostname, release, arch, networkInterfaces } = await import('node:os');
  const [postfix, dovecot] = await Promise.all([
    told('postconf', ['-d', '-h', 'mail_version'], signal),
    told('dovecot', ['--version'], signal),
  ]);
  const addresses = Object.entries(networkInterfaces())
    .flatMap(([name, list]) =>
      (list ?? []).filter((each) => !each.internal).map((each) => `address\t${name}\t${each.cidr ?? each.address}`),
    )
    .sort();
  const rows = [
    `host\t${hostname()}`,
    `system\t${systemName()}`,
    `kernel\t${release()}`,
    `architecture\t${arch()}`,
    ...(postfix === undefined ? [] : [`postfix\t${postfix.trim()}`]),
    ...(dovecot === undefined ? [] : [`dovecot\t${dovecot.trim()}`]),
    ...addresses,
  ];
  return `${rows.join('\n')}\n`;
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function sortLines(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const lines = text.split('\n').filter((line) => line !== '');
  return lines
    .sort()
    .map((line) => `${line}\n`)
    .join('');
}
