#!/bin/sh
# Restores a snapshot of a mailrecover repository without mailrecover. RECOVER.md, beside this file, says how to use it;
# docs/format.md of the project describes the repository.
#
# Needs a POSIX shell and utilities (with GNU tar and GNU sed), awk (mawk, gawk or busybox), zstd, sha256sum, and age where
# the repository is encrypted. If openssl is there it checks the signature, and hashes faster.
#
# How: the catalogs are merged by awk into a plan. The packs are unpacked, some at a time, into a staging directory in which
# each file bears its own SHA-256 as its name, and is held to it. For each file of the plan awk writes a tar header with the
# path, owner, mode and time; sed lays the staged bytes between these headers, and tar unpacks the result. So the number of
# processes depends on the number of packs, never on the number of messages, and nothing but tar ever uses a path of the catalog.

LC_ALL=C; export LC_ALL
set -u
LF='
'
STAGE=.mailrecover-staging; export STAGE
status=0

usage() {
  cat <<'TEXT'
usage: sh recover.sh [--identity FILE]... --to DIR SNAPSHOT|latest
       sh recover.sh --list
run it in the directory of the repository, the one that holds mailrecover.json

  --to DIR          an empty or new directory; the mail comes to lie below it
  --identity FILE   an age identity file (AGE-SECRET-KEY-1...); needed when the repository is encrypted;
                    more than one may be given; without it the file that MAILRECOVER_IDENTITY names
  --mailbox NAME    only this mailbox (* and ? match); more than one may be given
  --host NAME       for latest, where several hosts write into this repository: the name or the key of one of them
  --no-space-check  begin even when the free space seems too little
  --list            list the snapshots

SNAPSHOT is an id, or its first digits. exit codes: 0 all restored, 1 failed, 2 usage, 4 damage found (named; all the rest
was restored), 10 no repository here, 12 no key fits, 20 refused
TEXT
}
say() { printf '%s\n' "recover.sh: $*" >&2; }
die() {
  code=$1
  say "error: $2"
  [ -z "${3:-}" ] || printf '%s\n' "hint: $3" >&2
  exit "$code"
}
damage() { say "$*"; status=4; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---------------------------------------------------------------------------------------------------- arguments
# The options for age are gathered at the end of "$@" while what was given is taken from its front.
to= host= want= list= space=yes mailboxes= left=$#
while [ "$left" -gt 0 ]; do
  arg=$1; shift; left=$((left - 1)); value=
  case $arg in
    --identity | -i | --to | --mailbox | --host)
      [ "$left" -gt 0 ] || die 2 "$arg needs a value" "sh recover.sh --help"
      value=$1; shift; left=$((left - 1)) ;;
    --identity=* | --to=* | --mailbox=* | --host=*) value=${arg#*=}; arg=${arg%%=*} ;;
  esac
  case $arg in
    --identity | -i) set -- "$@" -i "$value" ;;
    --to) to=$value ;;
    --mailbox) mailboxes=$mailboxes$value$LF ;;
    --host) host=$value ;;
    --no-space-check) space= ;;
    --list) list=yes ;;
    --help | -h) usage; exit 0 ;;
    -*) die 2 "unknown option $arg" "sh recover.sh --help" ;;
    *) [ -z "$want" ] || die 2 "more than one snapshot: $want and $arg" "sh recover.sh --help"; want=$arg ;;
  esac
done
if [ "$#" -eq 0 ] && [ -n "${MAILRECOVER_IDENTITY:-}" ]; then set -- -i "$MAILRECOVER_IDENTITY"; fi
if [ -z "$list" ]; then
  [ -n "$want" ] || die 2 "which snapshot?" "sh recover.sh --list"
  [ -n "$to" ] || die 2 "restore into which directory?" "sh recover.sh --to /some/empty/directory $want"
fi

missing=
for tool in awk cat ls mkdir mv rm sed sha256sum sort tar tr xargs zstd; do have "$tool" || missing="$missing $tool"; done
[ -z "$missing" ] || die 1 "not installed:$missing" "apt-get install mawk coreutils findutils sed tar zstd age"
case $(tar --version 2>/dev/null) in *'GNU tar'*) ;; *) die 1 "this needs GNU tar" "apt-get install tar" ;; esac
case $(sed --version 2>/dev/null) in *GNU*) ;; *) die 1 "this needs GNU sed" "apt-get install sed" ;; esac

[ -d snapshots ] || die 10 "there is no repository here" "cd to the directory that holds mailrecover.json"
if [ -f mailrecover.json ]; then
  case $(cat mailrecover.json) in
    '{"mailrecover":"repository","format":1,'*) ;;
    *) die 10 "mailrecover.json does not say format 1: made by a later version, or damaged" "use the recover.sh of that version" ;;
  esac
else
  damage "mailrecover.json is missing"
fi

hasher=sha256sum
if have openssl; then
  case $(openssl dgst -sha256 -r </dev/null 2>/dev/null) in
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) hasher='openssl dgst -sha256 -r' ;;
  esac
fi

# ---------------------------------------------------------------------------------------------------- snapshots
# One line a snapshot, oldest first: sequence, time, outcome, messages, bytes, key, id, host.
snapshots=$(ls snapshots | awk '
  function text(key,  i, s) {
    i = index(line, "\"" key "\":\"")
    s = i ? substr(line, i + length(key) + 4) : "-\""
    s = substr(s, 1, index(s, "\"") - 1)
    if (key != "host") gsub(/ /, "?", s)
    return s
  }
  function number(key,  i, s) {
    i = index(line, "\"" key "\":")
    s = i ? substr(line, i + length(key) + 3) : ""
    return match(s, /^[0-9]+/) ? substr(s, 1, RLENGTH) : "0"
  }
  length($0) == 70 && /^[0-9a-f]*\.jsonl$/ {
    file = "snapshots/" $0; line = ""; getline line < file; close(file)
    gsub(/[\001-\037\177]/, "?", line)
    print number("sequence"), text("time"), text("outcome"), number("messages"), number("bytes"), text("key"), substr($0, 1, 64), text("host")
  }' | sort -n)
[ -n "$snapshots" ] || die 10 "there is no snapshot here" "cd to the directory that holds mailrecover.json"
sound() { case $(sha256sum "snapshots/$1.jsonl" 2>/dev/null) in "$1 "*) return 0 ;; *) return 1 ;; esac; }

if [ -n "$list" ]; then
  while read -r _ time outcome messages bytes key id name; do
    printf '%s\n' "$id  $time  $messages messages, $bytes bytes  $outcome  host $name  key ${key%"${key#????????????????}"}"
  done <<EOF
$snapshots
EOF
  bad=$(ls snapshots | awk 'length($0) == 70 && /^[0-9a-f]*\.jsonl$/ { print substr($0, 1, 64) "  snapshots/" $0 }' | sha256sum -c 2>/dev/null |
    awk '!/: OK$/ { print substr($0, 1, 80) }')
  [ -z "$bad" ] || damage "damaged: $bad"
  exit "$status"
fi

if [ "$want" = latest ]; then
  mine=$(printf '%s\n' "$snapshots" | host=$host awk '
    { name = $0; for (i = 1; i < 8; i++) name = substr(name, index(name, " ") + 1); h = ENVIRON["host"] }
    h == "" || h == name || length(h) > 7 && index($6, h) == 1 { print }')
  [ -n "$mine" ] || die 2 "host $host has written no snapshot here" "sh recover.sh --list"
  hosts=$(printf '%s\n' "$mine" | awk '!($6 in seen) { seen[$6]; k = substr($6, 1, 16); for (i = 1; i < 8; i++) $i = ""; sub(/^ */, ""); print $0 " (key " k ")" }')
  case $hosts in *"$LF"*) die 2 "several hosts have written here: $(printf '%s' "$hosts" | tr '\n' ',')" "choose one with --host NAME or --host KEY" ;; esac
  want= number=0
  while read -r sequence _ outcome _ _ _ id _; do
    if [ "$outcome" != complete ]; then
      [ -n "$want" ] || say "note: snapshot $id is later, but not complete: latest passes over it"
    elif [ -z "$want" ]; then
      if sound "$id"; then want=$id number=$sequence; else damage "snapshot $id is damaged: looking at the one before"; fi
    elif [ "$sequence" = "$number" ]; then
      die 2 "two snapshots have the number $number: $want and $id" "name one of them"
    fi
  done <<EOF
$(printf '%s\n' "$mine" | sort -rn)
EOF
  [ -n "$want" ] || die 20 "there is no complete snapshot" "sh recover.sh --list, then name one"
else
  case $want in *[!0-9a-f]* | ? | ?? | ???) die 2 "not a snapshot id: $want" "sh recover.sh --list" ;; esac
  mine=$(printf '%s\n' "$snapshots" | awk -v id="$want" 'index($7, id) == 1 { print $7 }')
  case $mine in
    '') die 2 "there is no snapshot $want" "sh recover.sh --list" ;;
    *"$LF"*) die 2 "more than one snapshot begins with $want" "sh recover.sh --list" ;;
  esac
  want=$mine
  sound "$want" || die 4 "snapshot $want is damaged" "sh recover.sh --list, then name another"
fi
snapshot=snapshots/$want.jsonl

# ---------------------------------------------------------------------------------------------------- the directory
[ ! -e "$to" ] || [ -d "$to" ] || die 20 "$to is not a directory" "name an empty or new directory"
mkdir -p -- "$to" || die 1 "$to can not be made"
to=$(cd -- "$to" && pwd -P) || die 1 "$to can not be entered"
[ -z "$(ls -A -- "$to")" ] || die 20 "$to is not empty" "name an empty or new directory"
umask 077
W=$to/$STAGE; export W
mkdir -- "$W" || die 1 "$to can not be written to"
cleanup() { rm -rf -- "$W"; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The signature, where openssl is there. Whose the key is, only the recovery sheet can say.
escapes() {
  awk -v hex="$1" 'function digit(c) { return index("0123456789abcdef", c) - 1 }
    BEGIN { for (i = 1; i < length(hex); i += 2) printf "\\%03o", digit(substr(hex, i, 1)) * 16 + digit(substr(hex, i + 1, 1)) }'
}
key=$(sed -n '1s/.*"key":"\([0-9a-f]*\)".*/\1/p' "$snapshot")
signature=$(sed -n '$s/^{"signature":"\([0-9a-f]*\)"}$/\1/p' "$snapshot")
verdict='not checked: no openssl'
if [ "${#key}" -ne 64 ] || [ "${#signature}" -ne 128 ]; then
  verdict=wrong
elif have openssl; then
  verdict='not checked: this openssl can not'
  printf "$(escapes "302a300506032b6570032100$key")" >"$W/key"
  printf "$(escapes "$signature")" >"$W/signature"
  sed '$d' "$snapshot" >"$W/signed"
  case $(openssl pkeyutl -verify -pubin -keyform DER -inkey "$W/key" -rawin -in "$W/signed" -sigfile "$W/signature" 2>&1) in
    *'Verified Successfully'*) verdict=good ;;
    *'Verification Failure'*) verdict=wrong ;;
  esac
fi
say "snapshot $want"
say "signature: $verdict; key: $key (compare it with the recovery sheet)"
[ "$verdict" != wrong ] || damage "the signature of this snapshot is wrong: it was forged, or changed"

# ---------------------------------------------------------------------------------------------------- objects
# objects KIND ENDING: the names that the snapshot gives, each with its size.
objects() {
  awk -v kind="$1" -v ending="$2" -F '"' '
    $2 == kind {
      name = $4; hash = substr(name, 1, 64); rest = substr(name, 65); size = substr($7, 2) + 0
      if (length(name) < 65 || hash ~ /[^0-9a-f]/ || (rest != ending && rest != ending ".age")) { print "refused: " substr(name, 1, 200) > "/dev/stderr"; next }
      print name, size
    }' "$snapshot"
}
objects catalog .jsonl.zst >"$W/catalogs" 2>"$W/refused"
objects pack .tar.zst >"$W/packs" 2>>"$W/refused"
[ ! -s "$W/refused" ] || damage "the snapshot names things that are no objects: $(cat "$W/refused")"

# damaged KIND <NAMES: those of the objects that are not there, or whose bytes do not hash to their name. The list may have sizes.
damaged() {
  awk -v kind="$1" '{ print kind "/" substr($1, 1, 2) "/" $1 }' |
    xargs sh -c 'hasher=$1; shift; $hasher "$@"; printf "%s\n" "$@"' sh "$hasher" 2>/dev/null |
    awk 'NF == 2 { sub(/^\*/, "", $2); hash[$2] = $1; next } { name = $1; sub(/.*\//, "", name); if (hash[$1] != substr(name, 1, 64)) print name }'
}

# open FILE [age options]: the object, decrypted and decompressed. Says in $failed what failed.
open() {
  object=$1; shift
  case $object in
    *.age)
      { if [ -n "$secret" ]; then printf '%s\n' "$secret" | age -d -i - "$@" "$object"; else age -d "$@" "$object" </dev/null; fi || echo age >>"$failed"; } |
        { zstd -dcq || echo zstd >>"$failed"; } ;;
    *) zstd -dcq <"$object" || echo zstd >>"$failed" ;;
  esac
}

secret=
if awk '/\.age /{ n = 1 } END { exit !n }' "$W/catalogs" "$W/packs"; then
  have age || die 1 "this repository is encrypted, and age is not installed" "apt-get install age"
  [ "$#" -gt 0 ] || die 12 "this repository is encrypted" "add --identity FILE, with the key from the recovery sheet"
  # An identity file that is locked with a passphrase is opened once, and kept in memory only.
  left=$#
  while [ "$left" -gt 0 ]; do
    file=$2; shift 2; left=$((left - 2))
    [ -r "$file" ] || die 12 "$file can not be read" "name the file that holds AGE-SECRET-KEY-1..."
    if awk 'NR == 1 { exit !(index($0, "age-encryption.org/") == 1 || index($0, "-----BEGIN AGE ENCRYPTED FILE-----") == 1) }' "$file"; then
      secret=$secret$(age -d "$file")$LF || die 12 "$file can not be opened" "type its passphrase, or name another identity file"
    else
      set -- "$@" -i "$file"
    fi
  done
fi

# ---------------------------------------------------------------------------------------------------- awk: what both programs share
# Bytes are percent-encoded in catalogs. A byte that no name holds stands for NUL, which not every awk can keep; tr turns it back.
common='
function decode(s,  out, i) {
  if (!index(s, "%")) return s
  out = ""
  while (i = index(s, "%")) { out = out substr(s, 1, i - 1) BYTE[substr(s, i + 1, 2)]; s = substr(s, i + 3) }
  return out s
}
function nul(byte) { P = sprintf("%c", byte + 0); ORD[P] = 0; Z = P; while (length(Z) < 1024) Z = Z Z; SP = "                "; while (length(SP) < 1024) SP = SP SP }
function fill(s, n) { return s substr(Z, 1, n - length(s)) }
function octal(n, digits) { return sprintf("%0" digits "o", n) P }
# A ustar header whose last byte is a line feed (it lies in the unused end of the block), so that sed finds where it ends.
function header(mode, uid, gid, size, type, user, group, end,  h, i, sum) {
  h = fill("mailrecover", 100) octal(mode, 7) octal(uid, 7) octal(gid, 7) octal(size, 11) octal(0, 11) "        " type fill("", 100) \
    "ustar" P "00" fill(user, 32) fill(group, 32) octal(0, 7) octal(0, 7) fill("", 166) end
  sum = 0
  for (i = 1; i <= 512; i++) sum += ORD[substr(h, i, 1)]
  return substr(h, 1, 148) sprintf("%06o", sum) P " " substr(h, 157)
}
function record(key, value,  n, l) { n = length(key) + length(value) + 3; l = n + length(n ""); if (length(l "") != length(n "")) l = n + length(l ""); return l " " key "=" value "\n" }
# Makes A known: an attribute line of mode, user and group.
function attributes(a, mode, user, group,  n, i) {
  n = 0
  for (i = 1; i <= length(mode); i++) n = n * 8 + substr(mode, i, 1)
  MODE[a] = n; USER[a] = decode(user); GROUP[a] = decode(group)
  UID[a] = user ~ /^[0-9]+$/ && length(user) < 7 ? user + 0 : 0
  GID[a] = group ~ /^[0-9]+$/ && length(group) < 7 ? group + 0 : 0
  EXTRA[a] = (length(USER[a]) > 31 ? record("uname", USER[a]) : "") (length(GROUP[a]) > 31 ? record("gname", GROUP[a]) : "")
}
# The headers of one thing: a pax header with all that counts, filled to whole blocks by a comment, and a constant ustar header.
function headers(a, type, path, mtime, size, target,  d, n, r) {
  d = record("path", path) EXTRA[a]
  if (mtime != "") d = d record("mtime", mtime)
  if (size != "") d = d record("size", size)
  if (target != "") d = d record("linkpath", target)
  r = (1024 * 1024 * 1024 - length(d)) % 512
  if (r > 0 && r < 14) r += 512
  if (r > 0) d = d r " comment=" substr(SP, 1, r - length(r "") - 10) "\n"
  n = length(d)
  if (!(n in PAX)) PAX[n] = header(420, 0, 0, n, "x", "", "", P)
  if (!((a, type) in USTAR)) USTAR[a, type] = header(MODE[a], UID[a], GID[a], 0, type, substr(USER[a], 1, 31), substr(GROUP[a], 1, 31), "\n")
  return PAX[n] d USTAR[a, type]
}
BEGIN { for (i = 1; i < 256; i++) { c = sprintf("%c", i); ORD[c] = i; BYTE[sprintf("%02X", i)] = c } }
'

# ---------------------------------------------------------------------------------------------------- awk: catalogs to a plan
# Reads $W/packs and the catalogs, and writes below $W: N.packs and N.plan for each batch N of packs (late.plan for files whose
# parts lie in several batches, or in a pack that is not named), attributes, dirs.head and last.head (tar headers), problems, numbers.
# Arrays: I[key] is the number of a thing, R[number] what is known of it; SI, DI the same for sections and directories.
merge='
function problem(text) { print text > (W "/problems") }
function valid(s,  t) {
  if (s ~ "[^A-Za-z0-9._,:=+@/~%-]") return 0
  if (!index(s, "%")) return 1
  t = s; gsub(/%[0-9A-F][0-9A-F]/, "", t)
  return !index(t, "%") && !index(s, "%00")
}
# A path of names, none of them empty, "." or "..": nothing that could lead out of the directory.
function inside(path,  p) { p = "/" path "/"; return !index(p, "//") && !index(p, "/./") && !index(p, "/../") }
function time(t) { return length(t) < 20 && t ~ /^-?[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]$/ }
# Half a microsecond later, as the program restores it: a time that is read as a floating-point number then never falls below the microsecond.
function later(t,  dot, s, u) {
  if (substr(t, 1, 1) != "-") return t "5"
  dot = index(t, "."); s = substr(t, 2, dot - 2) + 0; u = substr(t, dot + 1) + 0
  if (s == 0 && u == 0) return "0.0000005"
  if (u > 0) return sprintf("-%.0f.%06d5", s, u - 1)
  return sprintf("-%.0f.9999995", s - 1)
}
function attribute(mode, user, group,  k) {
  if (mode !~ /^[0-7]+$/ || length(mode) > 4 || !valid(user) || !valid(group) || user == "" || group == "" || (user group) ~ /%0A|%2F/) return 0
  k = mode "\"" user "\"" group
  if (!(k in AI)) { AI[k] = ++attrs; attributes(attrs, mode, user, group); print attrs, mode, user, group > (W "/attributes") }
  return AI[k]
}
# The fields of a line, by name, into V; the strings of its list into L.
function parse(  i, s) {
  split("", V); LN = 0
  for (i = 2; i < N; ) {
    s = F[i + 1]
    if (s == ":") { V[F[i]] = F[i + 2]; i += 4 }
    else if (substr(s, 1, 2) != ":[") { V[F[i]] = substr(s, 2, length(s) - 2); i += 2 }
    else { V[F[i]] = 1; for (i++; i < N && !index(F[i], "]"); i += 2) L[++LN] = F[i + 1]; i++ }
  }
}
function section(  k) {
  k = V["store"] "\"" V["mailbox"] "\"" V["area"]; dir = 0
  if (V["gone"] == "true") { if (k in SI) { SGONE[SI[k]] = 1; delete SI[k] } sec = 0; return }
  if (!(k in SI)) { SI[k] = ++secs; SBOX[secs] = V["mailbox"] }
  sec = SI[k]; SROOT[sec] = V["root"]
}
function directory(  k) {
  k = sec "\"" V["dir"]
  if (V["gone"] == "true") { if (k in DI) { DGONE[DI[k]] = 1; delete DI[k] } dir = 0; return }
  if (!(k in DI)) { DI[k] = ++dirs; DSEC[dirs] = sec; DPATH[dirs] = V["dir"] }
  if (dir != DI[k]) { dir = DI[k]; mode = user = group = "" }
  if ("mode" in V) { DATTR[dir] = V["mode"] "\"" V["user"] "\"" V["group"]; DTIME[dir] = V["mtime"] }
}
# Things are kept as kind, directory, mode, user, group, mtime, size, parts, in, name, flags or target; a part as hash:pack.
function thing(kind, field,  k, n, o, parts, i, p) {
  k = dir "\"" kind "\"" V[field]
  if (V["gone"] == "true") { if (k in I) { delete R[I[k]]; delete I[k] } return }
  if (kind == "m" && !("sha" in V)) {
    if (!(k in I)) { problem("a change of a message that is not known: " V[field]); return }
    n = I[k]; split(R[n], o, "\"")
    if ("in" in V) o[9] = V["in"] "/"
    if ("flags" in V) o[11] = V["flags"]
    if ("mode" in V) o[3] = V["mode"]
    if ("user" in V) o[4] = V["user"]
    if ("group" in V) o[5] = V["group"]
    if ("mtime" in V) o[6] = V["mtime"]
    if ("pack" in V) o[8] = substr(o[8], 1, 64) ":" PACK[V["pack"]]
    R[n] = o[1] "\"" o[2] "\"" o[3] "\"" o[4] "\"" o[5] "\"" o[6] "\"" o[7] "\"" o[8] "\"" o[9] "\"" o[10] "\"" o[11]
    return
  }
  if (kind == "m") {
    if ("mode" in V) mode = V["mode"]
    if ("user" in V) user = V["user"]
    if ("group" in V) group = V["group"]
    parts = mode "\"" user "\"" group "\"" V["mtime"] "\"" V["size"] "\"" V["sha"] ":" PACK[V["pack"]] "\"" V["in"] "/\"" V["msg"] "\"" V["flags"]
  } else if (kind == "f") {
    p = ""
    for (i = 1; i <= LN; i++) { n = index(L[i], ":"); p = p (i > 1 ? "," : "") substr(L[i], 1, n) PACK[substr(L[i], n + 1)] }
    parts = V["mode"] "\"" V["user"] "\"" V["group"] "\"" V["mtime"] "\"" V["size"] "\"" p "\"\"" V["file"] "\""
  } else parts = "777\"" V["user"] "\"" V["group"] "\"" V["mtime"] "\"0\"\"\"" V["link"] "\"" V["to"]
  if (!(k in I)) I[k] = ++things
  R[I[k]] = kind "\"" dir "\"" parts
}
function rubbish(  s) { s = substr($0, 1, 80); gsub(/[^ -~]/, "?", s); if (++rubbishes <= 5) problem("a line of a catalog makes no sense: " s) }
function catalog(  i, k) {
  if (V["kind"] == "base") for (k in SI) { SGONE[SI[k]] = 1; delete SI[k] }
  split("", PACK); sec = dir = 0
  for (i = 1; i <= LN; i++) PACK[i - 1] = L[i] in GLOBAL ? GLOBAL[L[i]] : 0
}
# Makes known that path is a directory, and its parents; 0 where one of them is something else.
function register(path, a,  up) {
  if (path == "" || path in KNOWN) return 1
  if (path in TAKEN) return 0
  up = match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : ""
  if (!register(up, a)) return 0
  KNOWN[path] = 1
  printf "%s", headers(a, "5", path, "", "", "") > (W "/dirs.head")
  return 1
}
function parent(path) { return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : "" }
function join(a, b) { return a == "" ? b : b == "" ? a : a "/" b }
# Mailbox patterns, one a line, to a regular expression of their own each; chosen() asks whether a mailbox fits one.
function patterns(  i, j, c, s, n, P) {
  n = split(ENVIRON["mailboxes"], P, "\n")
  for (i = 1; i <= n; i++) if (P[i] != "") {
    s = ""
    for (j = 1; j <= length(P[i]); j++) { c = substr(P[i], j, 1); s = s (c == "*" ? ".*" : c == "?" ? "." : c ~ /[\\^]/ ? "\\" c : "[" c "]") }
    WANT[++wants] = "^" s "$"
  }
}
function chosen(box,  i) { if (!wants) return 1; for (i = 1; i <= wants; i++) if (box ~ WANT[i]) return 1; return 0 }
# The directories: valid ones get DOK, and are made at once; their attributes are set last.
function layout(  d, s, full, e) {
  for (s = 1; s <= secs; s++) if (!(s in SGONE)) { boxes++; SOK[s] = chosen(decode(SBOX[s])); if (SOK[s]) hits++ }
  if (wants && !hits) problem("no mailbox of this snapshot has such a name")
  for (d = 1; d <= dirs; d++) {
    s = DSEC[d]
    if (d in DGONE || s in SGONE || !SOK[s]) continue
    e = join(SROOT[s], DPATH[d]); full = decode(e)
    if (!valid(SROOT[s]) || !valid(DPATH[d]) || (full != "" && !inside(full)) || full == STAGE || index(full, STAGE "/") == 1 ||
      !register(parent(decode(SROOT[s])), plain755) || !register(full, plain700)) {
      problem("refused: the directory " e); continue
    }
    DOK[d] = 1; DFULL[d] = full; DENC[d] = e
  }
}
# What is in them: each thing that is in order becomes a line of a plan: attribute, mtime, size, path, parts.
function check(n,  o, a, d, e, name, full, np, p, i, packs, hashes) {
  split(R[n], o, "\""); d = o[2]; R[n] = ""
  if (!(d in DOK)) { if (!(d in DGONE) && !(DSEC[d] in SGONE) && SOK[DSEC[d]]) problem("refused, with its directory: " o[9] o[10]); return }
  e = o[1] == "m" ? o[9] o[10] o[11] : o[10]
  name = o[1] == "m" ? o[10] o[11] : o[10]
  a = attribute(o[3], o[4], o[5])
  if (!a || !time(o[6]) || !valid(name) || o[7] !~ /^[0-9]+$/ || length(o[7]) > 15 || (o[1] == "m" && o[9] != "cur/" && o[9] != "new/")) { problem("refused: " join(DENC[d], e)); return }
  name = decode(name)
  full = join(DFULL[d], o[1] == "m" ? o[9] name : name); e = join(DENC[d], e)
  if (name == "" || name == "." || name == ".." || index(name, "/") || full == STAGE || full in TAKEN || full in KNOWN || (o[1] == "m" && !register(join(DFULL[d], substr(o[9], 1, 3)), plain700))) { problem("refused: " e); return }
  if (o[1] == "l") {
    if (o[11] == "" || !valid(o[11])) { problem("refused: " e); return }
    TAKEN[full] = 1; links++
    printf "%s", headers(a, "2", full, later(o[6]), "", decode(o[11])) > (W "/links.head")
    return
  }
  np = o[8] == "" ? 0 : split(o[8], p, ","); packs = hashes = ""
  for (i = 1; i <= np; i++) {
    if (substr(p[i], 65, 1) != ":" || substr(p[i], 1, 64) ~ /[^0-9a-f]/) { problem("refused: " e); return }
    packs = packs (i > 1 ? "," : "") (substr(p[i], 66) + 0); hashes = hashes (i > 1 ? "," : "") substr(p[i], 1, 64); USED[substr(p[i], 66) + 0] += o[7] / np
  }
  TAKEN[full] = 1; bytes += o[7]; if (o[1] == "m") messages++; else files++
  R[n] = a " " later(o[6]) " " o[7] " " e " " hashes; WHERE[n] = packs
}
# Which batch a thing belongs to: that of its packs, or "late".
function place(n,  p, np, i, b) {
  if (WHERE[n] ~ /^[0-9]+$/) return WHERE[n] in BATCH ? BATCH[WHERE[n]] : "late"
  np = split(WHERE[n], p, ","); if (!np) return "late"
  b = p[1] in BATCH ? BATCH[p[1]] : "late"
  for (i = 2; i <= np; i++) if (!(p[i] in BATCH) || BATCH[p[i]] != b) return "late"
  return b
}
BEGIN {
  W = ENVIRON["W"]; STAGE = ENVIRON["STAGE"]; patterns()
  while ((getline line < (W "/packs")) > 0) { i = index(line, " "); NAME[++total] = substr(line, 1, i - 1); GLOBAL[NAME[total]] = total }
}
{
  if ($0 == "") next
  if (index($0, "%")) { s = $0; while (i = index(s, "%")) { TAKENBYTE[substr(s, i + 1, 2)]; s = substr(s, i + 3) } }
  N = split($0, F, "\""); k = F[2]
  if (F[1] != "{" || k == "frame") { if (k != "frame") rubbish(); next }
  parse()
  if (k == "msg" && dir) thing("m", "msg")
  else if (k == "file" && dir) thing("f", "file")
  else if (k == "link" && dir) thing("l", "link")
  else if (k == "dir" && sec) directory()
  else if (k == "mailbox") section()
  else if (k == "catalog") catalog()
  else rubbish()
}
END {
  for (byte = 1; byte < 255; byte++) if (byte != 10 && (byte < 32 || byte > 126) && !(sprintf("%02X", byte) in TAKENBYTE)) break
  nul(byte)
  if (rubbishes > 5) problem((rubbishes - 5) " more lines that make no sense")
  plain755 = attribute("755", "0", "0"); plain700 = attribute("700", "0", "0")
  layout()
  for (n = 1; n <= things; n++) if (n in R) check(n)
  for (i = 1; i <= total; i++) if (i in USED) {
    if (!batches || held + USED[i] > 67108864) { batches++; held = 0 }
    BATCH[i] = batches; held += USED[i]; print NAME[i] > (W "/" batches ".packs")
  } else print NAME[i] > (W "/unused.packs")
  for (n = 1; n <= things; n++) if (R[n] != "") {
    b = place(n)
    if (b in TAIL) NEXT[TAIL[b]] = n; else HEAD[b] = n
    TAIL[b] = n
  }
  for (b in HEAD) {
    file = W "/" b ".plan"
    for (n = HEAD[b]; n; n = NEXT[n]) print R[n] > file
    close(file)
  }
  for (d = 1; d <= dirs; d++) if (d in DOK) {
    split(DATTR[d], o, "\"")
    a = DATTR[d] == "" ? 0 : attribute(o[1], o[2], o[3])
    if (!a || !time(DTIME[d])) { problem("no attributes are known of the directory " DENC[d]); continue }
    printf "%s", headers(a, "5", DFULL[d] == "" ? "." : DFULL[d], later(DTIME[d]), "", "") > (W "/last.head"); directories++
  }
  print batches + 0, byte, messages + 0, files + 0, links + 0, directories + 0, sprintf("%.0f", bytes + 0) > (W "/numbers")
}
'

# Reads a plan ($W/$N.plan), and the numbers of its lines that can not be restored ($W/$N.bad); writes tar headers to its
# output, the script for sed that lays the contents between them to $W/$N.sed, and the lines left out to $W/left.
emit='
BEGIN {
  W = ENVIRON["W"]; N = ENVIRON["N"]; nul(ENVIRON["byte"])
  while ((getline < (W "/attributes")) > 0) attributes($1, $2, $3, $4)
  while ((getline line < (W "/" N ".bad")) > 0) BAD[line]
  script = W "/" N ".sed"; printf "" > script
}
{
  if (FNR in BAD) { print > (W "/left." N); next }
  h = headers($1, "0", decode($4), $2, $3, "")
  s = h; n = gsub(/\n/, "", s) - !count++
  printf "%s%s", substr(Z, 1, pad), h
  if (!(n in STEPS)) { s = ""; for (i = 0; i < n; i++) s = s "n\n"; STEPS[n] = s }
  s = STEPS[n]; parts = split($5, p, ",")
  for (i = 1; i <= parts; i++) s = s "r " p[i] "\n"
  printf "%s", s > script
  pad = (512 - $3 % 512) % 512
}
END { print "n" > script; if (count) printf "%s%s", substr(Z, 1, pad), Z; print count + 0 > (W "/" N ".count") }
'

# ---------------------------------------------------------------------------------------------------- the plan
damaged catalogs <"$W/catalogs" >"$W/damaged"
while read -r name; do damage "damaged: catalogs/${name%"${name#??}"}/$name: what it says of mailboxes and messages is not restored"; done <"$W/damaged"
failed=$W/failed
{
  while read -r name _; do
    if [ -n "$(awk -v name="$name" '$1 == name' "$W/damaged")" ]; then continue; fi
    open "catalogs/${name%"${name#??}"}/$name" "$@" 2>"$W/errors" || :
    echo
    [ ! -s "$failed" ] || break
  done <"$W/catalogs"
} | mailboxes=$mailboxes awk "$common$merge" || die 1 "awk failed"
if [ -s "$failed" ]; then
  cat "$W/errors" >&2
  case $(cat "$failed") in
    age*) die 12 "no identity opens $(awk 'NR == 1 { print $1 }' "$W/catalogs"), which is not damaged" "name the right file with --identity" ;;
    *) die 4 "a catalog can not be decompressed" "name another snapshot: sh recover.sh --list" ;;
  esac
fi
read -r batches byte messages files links directories bytes <"$W/numbers"
export byte
nul=$(awk -v n="$byte" 'BEGIN { printf "\\%03o", n }')
problems() {
  [ -s "$W/problems" ] || return 0
  while read -r line; do damage "$line"; done <"$W/problems"
  rm -f "$W/problems"
}
case $(cat "$W/problems" 2>/dev/null) in *'no mailbox of this snapshot has such a name'*) die 2 "no mailbox of this snapshot has such a name" "names are like user@example.org; * and ? match" ;; esac
problems
say "$messages messages, $files other files, $links links, $directories directories, $bytes bytes"

if [ -n "$space" ] && have df; then
  free=$(df -Pk -- "$to" 2>/dev/null | awk 'END { print $4 }')
  case $free in
    '' | *[!0-9]*) ;;
    *) awk -v free="$free" -v bytes="$bytes" -v n="$((messages + files))" 'BEGIN { exit !(bytes + n * 2048 + 134217728 > free * 1024) }' &&
      die 20 "$free KiB are free below $to: too little" "choose another place, or add --no-space-check" ;;
  esac
fi

# Owners are set by tar, by name, when root restores. Those that are not known here are said.
if [ "$(id -u)" -eq 0 ]; then
  for kind in passwd group; do
    awk -v kind="$kind" "$common"'
      BEGIN { while ((getline line < ("/etc/" kind)) > 0) KNOWN[substr(line, 1, index(line, ":") - 1)] }
      { name = decode(kind == "passwd" ? $3 : $4); if (!(name in KNOWN) && !(name in SEEN) && name !~ /^[0-9]+$/) { SEEN[name]; print name } }' "$W/attributes" |
      while read -r name; do
        if [ "$kind" = passwd ]; then id -u -- "$name" || getent passwd "$name"; else getent group "$name"; fi >/dev/null 2>&1 ||
          say "note: there is no $kind entry $name here: root owns what belonged to it"
      done
  done
else
  say "note: not run as root, so all files will belong to $(id -un 2>/dev/null || id -u)"
fi

# ---------------------------------------------------------------------------------------------------- the bytes
untar() { tar -x -p -f - -C "$to" "$@" 2>"$W/errors" || { cat "$W/errors" >&2; echo tar >>"$W/unwritten"; }; }
if [ -s "$W/dirs.head" ]; then tr "$nul" '\000' <"$W/dirs.head" >"$W/dirs.tar"; untar -m <"$W/dirs.tar"; fi
[ ! -s "$W/unwritten" ] || die 1 "directories can not be made below $to"

hex='[0-9a-f]'
for _ in 1 2 3 4 5 6; do hex=$hex$hex; done
cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null) || cpus=2
case $cpus in '' | *[!0-9]* | 0) cpus=2 ;; esac
[ "$cpus" -le 16 ] || cpus=16
export cpus

# fetch N [age options]: unpacks the packs of a batch into the directory $W/N, each entry a file named by its SHA-256, and nothing else.
# What is damaged is unpacked as far as it goes: each entry is held to its own hash later.
fetch() {
  N=$1; shift
  mkdir "$W/$N"
  failed=$W/$N.failed
  damaged packs <"$W/$N.packs" >"$W/$N.damaged" &
  while read -r name; do
    open "packs/${name%"${name#??}"}/$name" "$@" 2>>"$W/$N.errors" |
      tar -x -m -f - -C "$W/$N" --no-same-owner --no-same-permissions --anchored --wildcards --no-wildcards-match-slash "$hex" 2>>"$W/$N.errors"
  done <"$W/$N.packs"
  wait
}
# Says which packs of a batch are damaged.
judge() {
  case $(cat "$W/$1.errors" 2>/dev/null) in *'No space left'*) die 1 "no space left below $to" "choose another place" ;; esac
  while read -r name; do
    path=packs/${name%"${name#??}"}/$name
    if [ -f "$path" ]; then damage "damaged: $path"; else damage "missing: $path"; fi
  done <"$W/$1.damaged"
}
# claim N: moves those entries that $W/wanted lists from $W/N to $W/late, if their bytes are right.
claim() {
  ls "$W/$1" | awk -v wanted="$W/wanted" 'BEGIN { while ((getline s < wanted) > 0) want[s] } $0 in want' >"$W/claim"
  [ -s "$W/claim" ] || return 0
  (
    cd "$W/$1" || exit
    ls -ln | awk '/^-/ { file[$9] } END { while ((getline s < "../claim") > 0) if (s in file) print s }' | xargs $hasher 2>/dev/null |
      awk '{ sub(/^\*/, "", $2) } $1 == $2 { print $2 }' | xargs sh -c '[ "$#" -eq 0 ] || mv -f -- "$@" ../late/' sh
  )
}
headers() { awk "$common$emit" "$W/$N.plan" | tr "$nul" '\000' >"$W/$N.head"; }
# lay N: restores $W/N.plan from the entries in $W/N. Lines that can not be restored go to $W/left.N.
lay() {
  N=$1; export N
  ls -ln "$W/$N" >"$W/$N.ls"
  [ -s "$W/$N.plan" ] || return 0
  : >"$W/$N.bad"
  headers & making=$!
  hashed=$(awk -v n="$cpus" '
    FILENAME == ARGV[1] { if (/^-/ && NF == 9 && length($9) == 64) size[$9] = $5; next }
    {
      parts = split($5, p, ","); sum = 0
      for (i = 1; i <= parts; i++) sum = p[i] in size ? sum + size[p[i]] : -1e18
      if (sum != $3) { print FNR > (ENVIRON["W"] "/" ENVIRON["N"] ".bad"); next }
      for (i = 1; i <= parts; i++) if (!(p[i] in seen)) { seen[p[i]]; print p[i] > (ENVIRON["W"] "/" ENVIRON["N"] ".hash." (count++ % n)) }
    }
    END { print count + 0 }' "$W/$N.ls" "$W/$N.plan")
  hashing=
  for names in "$W/$N".hash.*; do
    [ -s "$names" ] || continue
    (cd "$W/$N" && xargs $hasher <"$names" >"$names.got" 2>/dev/null) & hashing="$hashing $!"
  done
  [ -z "$hashing" ] || wait $hashing
  wait "$making"
  cat "$W/$N".hash.*.got 2>/dev/null | awk '{ sub(/^\*/, "", $2) } $1 == $2 { print $1 }' >"$W/$N.good"
  if [ "$(awk 'END { print NR }' "$W/$N.good")" -ne "$hashed" ]; then
    awk 'FILENAME == ARGV[1] { good[$1]; next }
      { parts = split($5, p, ","); for (i = 1; i <= parts; i++) if (!(p[i] in good)) { print FNR; next } }' "$W/$N.good" "$W/$N.plan" >>"$W/$N.bad"
  fi
  [ ! -s "$W/$N.bad" ] || headers
  read -r count <"$W/$N.count"
  [ "$count" -gt 0 ] || return 0
  (cd "$W/$N" && sed -f "../$N.sed" "../$N.head" || echo sed >>"$W/unwritten") | untar -k -v >"$W/$N.out"
  [ "$(awk 'END { print NR }' "$W/$N.out")" -eq "$count" ] || echo "of $count files of batch $N not all came out of tar" >>"$W/unwritten"
}

# wanted: lists in $W/wanted the entries that late.plan needs and that are not in $W/late.
wanted() {
  : >"$W/wanted"
  [ -s "$W/late.plan" ] || return 0
  ls "$W/late" >"$W/late.ls"
  awk 'FILENAME == ARGV[1] { have[$1]; next } { n = split($5, p, ","); for (i = 1; i <= n; i++) if (!(p[i] in have)) { have[p[i]]; print p[i] } }' \
    "$W/late.ls" "$W/late.plan" >"$W/wanted"
}
mkdir "$W/late"
wanted
batch=1
[ "$batches" -eq 0 ] || { fetch 1 "$@" & fetching=$!; }
while [ "$batch" -le "$batches" ]; do
  wait "$fetching"
  judge "$batch"
  next=$((batch + 1))
  [ "$next" -gt "$batches" ] || { fetch "$next" "$@" & fetching=$!; }
  lay "$batch"
  claim "$batch"
  rm -rf -- "${W:?}/$batch" "$W/$batch".hash.* "$W/$batch.head" "$W/$batch.sed" "$W/$batch.out" &
  removing=$!
  [ ! -t 2 ] || printf '\rrecover.sh: %s of %s' "$batch" "$batches" >&2
  [ ! -s "$W/unwritten" ] || break
  batch=$next
done
[ ! -t 2 ] || printf '\n' >&2

# What was not where the catalog says may lie in another pack.
if [ ! -s "$W/unwritten" ]; then
  cat "$W"/left.* >>"$W/late.plan" 2>/dev/null
  wanted
  if [ -s "$W/wanted" ]; then
    : >"$W/search"
    [ ! -s "$W/unused.packs" ] || cat "$W/unused.packs" >>"$W/search"
    batch=1
    while [ "$batch" -le "$batches" ]; do
      awk 'FILENAME == ARGV[1] { want[$1]; next } $9 in want { found = 1; exit } END { exit !found }' "$W/wanted" "$W/$batch.ls" && cat "$W/$batch.packs" >>"$W/search"
      batch=$((batch + 1))
    done
    while read -r name <&3; do
      [ -s "$W/wanted" ] || break
      printf '%s\n' "$name" >"$W/search.packs"
      (fetch search "$@")
      claim search
      rm -rf -- "$W/search" "$W/search.errors"
      wanted
    done 3<"$W/search"
  fi
  lay late
  if [ -s "$W/left.late" ]; then
    lost=0
    while read -r _ _ _ path _; do
      damage "lost: $path"; lost=$((lost + 1))
    done <"$W/left.late"
    damage "$lost files could not be restored: their bytes are in no pack that can be read"
  fi
fi

# ---------------------------------------------------------------------------------------------------- links, and what directories are like
[ -z "${removing:-}" ] || wait "$removing"
if [ -s "$W/links.head" ]; then tr "$nul" '\000' <"$W/links.head" >"$W/links.tar"; untar -k <"$W/links.tar"; fi
result=$(cat "$W/unwritten" 2>/dev/null)
# In a run of its own: tar makes some links at its very end, which would change the times of their directories.
: >>"$W/last.head"
tr "$nul" '\000' <"$W/last.head" >"$W/last.tar"
exec 3<"$W/last.tar"
cleanup
trap - EXIT
[ "$directories" -eq 0 ] || tar -x -p -f - -C "$to" <&3 || result=tar
[ -z "$result" ] || die 1 "not everything could be written below $to: $result" "free some space, or choose another place, and begin again"
case $status in
  0) say "restored into $to" ;;
  *) say "restored into $to, but for what is said above" ;;
esac
exit "$status"
