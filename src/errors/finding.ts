/** How bad a finding is: `error` makes a run partial or failed, `warning` a warning, `info` neither. */
export type Severity = 'info' | 'warning' | 'error';

/** One thing that a run has to tell, as it stands in `findings` of every result. */
export interface Finding {
  severity: Severity;
  /** Stable name that scripts may compare, e.g. `unreadable`. */
  code: string;
  /** One line, lower case, no final stop. */
  message: string;
  /** What to type or do next. */
  hint?: string;
  /** The path, mailbox or object it is about. */
  subject?: string;
}
