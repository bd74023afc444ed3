import { openTarget } from '../../../src/repository/targets/open.ts';
import type { Target } from '../../../src/repository/target.ts';
import { noSshd, sshd, type Sshd } from '../../support/sshd.ts';
import { contract } from './contract.ts';

const skip = noSshd();
const skipJail = noSshd('root');
const server = skip === false ? await sshd() : undefined;
const jail = skipJail === false ? await sshd({ user: 'nobody', chroot: true }) : undefined;

function opened(at: Sshd | undefined, name: string): Promise<Target> {
  if (at === undefined) throw new Error('no server');
  return openTarget(at.location(name), { sftp: { key: `file:${at.key}`, knownHosts: at.knownHosts } });
}

contract('SFTP', { skip, open: (name) => opened(server, name) });
contract('SFTP in a chroot, as a user without rights', { skip: skipJail, open: (name) => opened(jail, name) });
