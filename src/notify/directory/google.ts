/** Who has a mailbox in a Google Workspace domain (Admin SDK, Directory API, `users.list`). */
import { openGoogle } from '../google-rest.ts';
import type { GoogleAccount } from '../oauth/account.ts';
import { accessToken, type TokenOptions } from '../oauth/tokens.ts';
import { GOOGLE_DIRECTORY_REFUSALS } from '../refusals/directory.ts';
import type { DirectoryUser } from './user.ts';

const ROOT = 'https://admin.googleapis.com';
/** The most that the method gives at once. */
const PAGE = 500;
const FIELDS = 'nextPageToken,users(primaryEmail,aliases,nonEditableAliases,suspended,archived,isMailboxSetup)';

interface User {
  primaryEmail?: string;
  aliases?: string[];
  nonEditableAliases?: string[];
  suspended?: boolean;
  archived?: boolean;
  isMailboxSetup?: boolean;
}

/** @param account acts for an administrator, who is its mailbox @throws Refused */
export async function googleUsers(account: GoogleAccount, tokens: TokenOptions, signal: AbortSignal): Promise<DirectoryUser[]> {
  const api = await openGoogle({
    account,
    root: ROOT,
    token: async (fresh) => (await accessToken(account, 'directory', { ...tokens, ...(fresh ? { fresh } : {}) })).token,
    known: GOOGLE_DIRECTORY_REFUSALS,
    signal,
  });
  const users: DirectoryUser[] = [];
  let pageToken: string | undefined = '';
  while (pageToken !== undefined) {
    signal.throwIfAborted();
    const query = new URLSearchParams({
      customer: 'my_customer',
      maxResults: String(PAGE),
      fields: FIELDS,
      ...(pageToken === '' ? {} : { pageToken }),
    });
    const page = (await api.get(`/admin/directory/v1/users?${query.toString()}`)) as { users?: User[]; nextPageToken?: string };
    for (const user of page.users ?? []) users.push(userOf(user));
    pageToken = page.nextPageToken;
  }
  return users;
}

function userOf({ primaryEmail = '', aliases = [], nonEditableAliases = [], suspended, archived, isMailboxSetup }: User): DirectoryUser {
  const addresses = [...new Set([primaryEmail, ...aliases, ...nonEditableAliases].map((each) => each.toLowerCase()))];
  const problem =
    suspended === true ? 'is suspended' : archived === true ? 'is archived' : isMailboxSetup === true ? undefined : 'has no Gmail';
  return { login: primaryEmail, addresses, ...(problem === undefined ? {} : { problem }) };
}
