/** Who has a mailbox at a provider, as its directory says. */

export interface DirectoryUser {
  /** Who logs in to the mailbox. */
  login: string;
  /** All addresses at which mail reaches the mailbox, in lower case. */
  addresses: string[];
  /** Why mail does not reach it, where that is so: 'has no Exchange plan'. */
  problem?: string;
}
