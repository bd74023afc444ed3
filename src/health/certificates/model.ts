/** A certificate that a mail server presents, as far as its file tells. */
export interface Certificate {
  /** The file that holds it. */
  path: string;
  /** Which settings name it: `postfix smtpd_tls_cert_file`, `dovecot ssl_cert`, `configuration`. */
  usedBy: readonly string[];
  /** Names and addresses that it is for; `*.example.org` among them. */
  names: readonly string[];
  issuer: string;
  /** UTC, RFC 3339. */
  notBefore: string;
  notAfter: string;
  /** Whole days until it ends; negative where it has ended. */
  daysLeft: number;
}
