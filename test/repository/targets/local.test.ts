import { join } from 'node:path';
import { localTarget } from '../../../src/repository/targets/local.ts';
import { scratch } from '../../support/tmp.ts';
import { contract } from './contract.ts';

const root = scratch('local');

contract('a directory', { skip: false, open: (name) => Promise.resolve(localTarget(join(root, 'deep', name))) });
