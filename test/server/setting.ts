/** A host with a mail server around some mail, set up by `init`, for tests of what is backed up beside mail. */
import { appendFileSync } from 'node:fs';
import { makeSetting, initArguments, type Setting } from '../commands/setting.ts';

/** @param system the `system:` part of the configuration, as YAML lines; `places` and `dns` are off unless it says so */
export async function serverSetting(system: string, ...more: string[]): Promise<Setting> {
  const setting = makeSetting(4);
  const { code, err } = await setting.run(...initArguments(setting, ...more));
  if (code !== 0) throw new Error(err);
  appendFileSync(
    setting.config,
    `\nsystem:\n${/places/.test(system) ? '' : '  places: false\n'}${/dns/.test(system) ? '' : '  dns: false\n'}${system}`,
  );
  return setting;
}

/** The paths that a snapshot holds of the server. */
export async function systemPaths(setting: Setting, snapshot = 'latest'): Promise<string[]> {
  const { json } = await setting.json('ls', snapshot, '--system');
  return (json['files'] as { path: string }[]).map(({ path }) => path);
}
