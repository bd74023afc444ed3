export { duration } from '../../system/yaml/duration.ts';
