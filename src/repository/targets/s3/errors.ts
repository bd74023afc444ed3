/** What S3 servers answer when they do not do as they were asked, in the words of this project. */
import { MailrecoverError, systemCode } from '../../../errors/error.ts';
import { networkMeaning } from '../../../system/network-errors.ts';

/** What is being done to what, for messages. */
export interface Attempt {
  action: string;
  /** Name of the place, and of the object in it. */
  name: string;
  path: string;
  bucket: string;
  endpoint: string;
}

interface Answer {
  code: string;
  status: number;
  message: string;
}

/** What an error of the SDK says: the code of the answer, its HTTP status, and the text. */
export function answerOf(error: unknown): Answer {
  const { name, message, Code, $metadata } = error as {
    name?: unknown;
    message?: unknown;
    Code?: unknown;
    $metadata?: { httpStatusCode?: unknown };
  };
  return {
    code: typeof Code === 'string' ? Code : typeof name === 'string' ? name : '',
    status: typeof $metadata?.httpStatusCode === 'number' ? $metadata.httpStatusCode : 0,
    message: typeof message === 'string' ? message : '',
  };
}

/** Credentials that are not right, as AWS and its like call them. */
const CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'CredentialsProviderError',
  'RequestExpired',
]);
const FULL = new Set([
  'QuotaExceeded',
  'InsufficientCapacity',
  'InsufficientStorage',
  'XMinioStorageFull',
  'EntityTooLarge',
  'StorageFull',
]);
/** Answers after which the same may work. */
const PASSING = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'InternalServerError',
  'RequestTimeout',
  'RequestTimeoutException',
  'OperationAborted',
  'ConditionalRequestConflict',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'BadDigest',
  'IncompleteBody',
  'TimeoutError',
]);

const TLS = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH)/;

/** Whether there is no object (or no version of it) of that name. */
export function isMissing(error: unknown): boolean {
  const { code, status } = answerOf(error);
  return code === 'NoSuchKey' || code === 'NotFound' || (status === 404 && code !== 'NoSuchBucket');
}

/** Turns an error of the SDK into one that says what to do. One that may pass has the code `unreachable`. */
export function explainS3(error: unknown, attempt: Attempt): MailrecoverError {
  if (error instanceof MailrecoverError) return error;
  const { code, status, message } = answerOf(error);
  const { action, name, path, bucket, endpoint } = attempt;
  const subject = `${name}/${path}`;
  const what = `unable to ${action} '${subject}'`;
  const told = (kind: ConstructorParameters<typeof MailrecoverError>[0], why: string, hint: string): MailrecoverError =>
    new MailrecoverError(kind, `${what}: ${why}`, { subject, hint, cause: error });

  const network = systemCode(error) ?? '';
  if (TLS.test(network))
    return told('key', `its certificate is not trusted (${network})`, "name the authority that signed it: 's3: { ca: /… }'");
  if (networkMeaning(network) !== undefined || (status === 0 && /timed? ?out|socket hang up|aborted/i.test(message)))
    return told(
      'unreachable',
      `unable to reach ${endpoint}: ${networkMeaning(network) ?? 'it does not answer'}`,
      `try 'curl -I ${endpoint}' on this host`,
    );
  if (code === 'NoSuchBucket')
    return new MailrecoverError('no-repository', `there is no bucket '${bucket}' at ${endpoint}`, {
      subject: name,
      hint: `make it first, for instance with 'aws s3api create-bucket --endpoint-url ${endpoint} --bucket ${bucket}'`,
      cause: error,
    });
  if (isMissing(error)) return new MailrecoverError('not-found', `'${path}' is not in the repository`, { subject: path, cause: error });
  if (code === 'RequestTimeTooSkewed')
    return told(
      'key',
      'the clocks of this host and the server differ too much',
      'set the clock of this host by NTP, then run the command again',
    );
  if (CREDENTIALS.has(code))
    return told(
      'key',
      `the server does not know this credential (${code})`,
      "check 's3: { accessKey, secretKey }', or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  if (code === 'AuthorizationHeaderMalformed' || code === 'PermanentRedirect' || status === 301)
    return told('config', `the bucket lies in another region (${message})`, "set 's3: { region: … }'");
  if (FULL.has(code) || status === 507)
    return told(
      'no-space',
      `no space is left there (${code || status})`,
      'free some space or raise the quota, then run the command again; what was complete is kept',
    );
  if (PASSING.has(code) || status === 429 || status >= 500)
    return told(
      'unreachable',
      `the server is not ready for it (${code || status})`,
      'wait, and run the command again; what was complete is kept',
    );
  if (status === 401 || status === 403 || code === 'AccessDenied')
    return told(
      'key',
      'this credential does not allow it',
      'give it the permission, or use another; docs/targets.md has policies for each purpose',
    );
  return told(
    'failed',
    `the server says '${code || status}'${['', 'UnknownError', code].includes(message) ? '' : `: ${message}`}`,
    'is that really an S3 server, and is it one that is known to work?',
  );
}
