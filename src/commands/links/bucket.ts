/** A bucket of the configuration as a place for links. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { LinkPlace } from '../../notify/links/place.ts';
import { parseLocation } from '../../repository/targets/location.ts';
import { readSecret } from '../../system/secret.ts';
import type { CommandContext } from '../types.ts';

type PlacePart = NonNullable<Config['notify']>['links'][number];

/** A summary waits for the link, so a server that does not answer is not waited for long. */
const PATIENCE_S = 20;

/** @throws MailrecoverError `key` where there is no credential to sign with */
export async function openBucket(context: CommandContext, { name, at = '', s3 }: PlacePart, signal: AbortSignal): Promise<LinkPlace> {
  const location = parseLocation(at);
  if (location.kind !== 's3') throw new MailrecoverError('bug', `place '${name}' is no bucket`);
  const { endpoint, bucket, prefix } = location;
  const secret = async (reference: string | undefined, variable: string, what: string): Promise<string> => {
    const value = reference === undefined ? process.env[variable] : await readSecret(reference, `${what} of place '${name}'`);
    if (value !== undefined && value !== '') return value;
    throw new MailrecoverError('key', `there is no ${what} to sign links of place '${name}' with`, {
      hint: `name it in the configuration as a reference, or set $${variable}`,
    });
  };
  const credential = {
    accessKey: await secret(s3?.accessKey, 'AWS_ACCESS_KEY_ID', 'access key'),
    secretKey: await secret(s3?.secretKey, 'AWS_SECRET_ACCESS_KEY', 'secret key'),
    sessionToken:
      s3?.sessionToken === undefined
        ? s3?.accessKey === undefined
          ? process.env['AWS_SESSION_TOKEN']
          : undefined
        : await readSecret(s3.sessionToken, `the session token of place '${name}'`),
  };
  const region = s3?.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const [{ openS3 }, { openTarget }] = await Promise.all([import('../../notify/links/s3.ts'), import('../../repository/targets/open.ts')]);
  const store = await openTarget(at, { s3, patience: PATIENCE_S }, { signal });
  context.onEnd(() => store.close?.());
  return openS3({ bucket: { endpoint, bucket, region, pathStyle: s3?.pathStyle ?? true }, prefix, credential, store });
}
