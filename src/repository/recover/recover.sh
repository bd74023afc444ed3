#!/bin/sh
# Restores a snapshot of a mailrecover repository without mailrecover. RECOVER.md, beside this file, says how to use it;
# docs/format.md of the project describes the repository.
#
# Needs a POSIX shell and utilities (with GNU tar and GNU sed), awk (mawk, gawk or busybox), zstd, sha256sum, and age where
# the repository is encrypted. If openssl is there it checks the signature, and hashes faster.
#
# How: awk merges the catalogs into a plan. A second awk reads packs as tar streams, and for each file of the plan writes the bytes
# again under a header with its path, owner, mode and time; tar unpacks the result, and every file is then held to its SHA-256.
# Where awk can not keep NUL bytes, and for files whose bytes lie in several packs or elsewhere than the catalog says, packs are
# unpacked into a staging directory, each entry a file named by its SHA-256 and held to it; awk writes headers only, sed lays
# the staged bytes between them, and tar unpacks that. So the number of processes depends on the number of packs, never on
# that of messages, and no path of a catalog is ever used but by tar, in a directory that was empty, replacing nothing.

LC_ALL=C; export LC_ALL
set -u
unset CDPATH POSIXLY_CORRECT TAR_OPTIONS QUOTING_STYLE TIME_STYLE BLOCK_SIZE || :
# Memory in large pages, where the C library knows them: all that is read goes through it several times.
GLIBC_TUNABLES=${GLIBC_TUNABLES:+$GLIBC_TUNABLES:}glibc.malloc.hugetlb=1; export GLIBC_TUNABLES
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
  --host NAME       for latest, where several hosts write into this repository: the name of one, or the number of its
                    directory below snapshots
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

# Whether awk keeps NUL bytes, and splits at more than one character: then nothing needs staging. Of several mawk is the fastest by far.
keeps_nul() {
  case $(printf 'a\000bustarc\000ustar\000' | "$1" -v RS=ustar '{ printf "%s|", $0; print substr($0, 2, 1) }' ORS= 2>/dev/null | tr '\000' N) in
    'aNb|NcN|NN|') return 0 ;;
  esac
  return 1
}
direct= awk=awk
for candidate in mawk awk; do
  if [ -z "$direct" ] && have "$candidate" && keeps_nul "$candidate"; then direct=yes awk=$candidate; fi
done
export direct

# ---------------------------------------------------------------------------------------------------- snapshots
# One line a snapshot, oldest first: sequence, time, outcome, messages, bytes, key, id, path, host.
snapshots=$(for path in snapshots/*/*.jsonl; do printf '%s\n' "$path"; done | awk '
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
  {
    name = substr($0, 28); dash = index(name, "-")
    if (substr($0, 1, 27) !~ /^snapshots\/[0-9a-f]*\/$/ || dash < 9 || substr(name, 1, dash - 1) ~ /[^0-9]/ || substr(name, dash + 1) !~ /^[0-9a-f]*\.jsonl$/ || length(name) != dash + 70) next
    line = ""; getline line < $0; close($0)
    gsub(/[\001-\037\177]/, "?", line)
    sub(/^0*/, "", name)
    sequence = substr(name, 1, index(name, "-") - 1) + 0; id = substr(name, index(name, "-") + 1, 64)
    # One in whose place another of the same host and number stands is left out.
    if (match(line, /"replaces":\["[0-9a-f",]*"\]/)) { n = split(substr(line, RSTART, RLENGTH), old, "\""); for (i = 4; i <= n; i += 2) replaced[substr($0, 1, 27) sequence " " old[i]] }
    outcome = text("outcome"); if (outcome == "complete" && index(line, ",\"anomalies\":[\"")) outcome = "anomalous"
    where[++count] = substr($0, 1, 27) sequence " " id
    shown[count] = sequence " " text("time") " " outcome " " number("messages") " " number("bytes") " " text("key") " " id " " $0 " " text("host")
  }
  END { for (i = 1; i <= count; i++) if (!(where[i] in replaced)) print shown[i] }' | sort -n)
[ -n "$snapshots" ] || die 10 "there is no snapshot here" "cd to the directory that holds mailrecover.json"
# sound ID PATH
sound() { case $(sha256sum "$2" 2>/dev/null) in "$1 "*) return 0 ;; *) return 1 ;; esac; }

if [ -n "$list" ]; then
  while read -r _ time outcome messages bytes key id _ name; do
    printf '%s\n' "$id  $time  $messages messages, $bytes bytes  $outcome  host $name  key ${key%"${key#????????????????}"}"
  done <<EOF
$snapshots
EOF
  bad=$(printf '%s\n' "$snapshots" | awk '{ print $7 "  " $8 }' | sha256sum -c 2>/dev/null | awk '!/: OK$/')
  [ -z "$bad" ] || damage "damaged: $bad"
  exit "$status"
fi

if [ "$want" = latest ]; then
  mine=$(printf '%s\n' "$snapshots" | host=$host awk '
    { name = $0; for (i = 1; i < 9; i++) name = substr(name, index(name, " ") + 1); h = ENVIRON["host"] }
    h == "" || h == name || length(h) > 7 && (index($6, h) == 1 || index($8, "snapshots/" h) == 1) { print }')
  [ -n "$mine" ] || die 2 "host $host has written no snapshot here" "sh recover.sh --list"
  hosts=$(printf '%s\n' "$mine" | awk '{ k = substr($8, 11, 16) } !(k in seen) { seen[k]; for (i = 1; i < 9; i++) $i = ""; sub(/^ */, ""); print $0 " (" k ")" }')
  case $hosts in *"$LF"*) die 2 "several hosts have written here: $(printf '%s' "$hosts" | tr '\n' ',')" "choose one with --host, and its name or number" ;; esac
  want= number=0
  while read -r sequence _ outcome _ _ _ id path _; do
    if [ "$outcome" != complete ]; then
      [ -n "$want" ] || say "note: snapshot $id is later, but $outcome: latest passes over it"
    elif [ -z "$want" ]; then
      if sound "$id" "$path"; then want=$id number=$sequence snapshot=$path; else damage "snapshot $id is damaged: looking at the one before"; fi
    elif [ "$sequence" = "$number" ]; then
      die 2 "two snapshots have the number $number: $want and $id" "name one of them"
    fi
  done <<EOF
$(printf '%s\n' "$mine" | sort -rn)
EOF
  [ -n "$want" ] || die 20 "there is no complete snapshot" "sh recover.sh --list, then name one"
else
  case $want in *[!0-9a-f]* | ? | ?? | ???) die 2 "not a snapshot id: $want" "sh recover.sh --list" ;; esac
  mine=$(printf '%s\n' "$snapshots" | awk -v id="$want" 'index($7, id) == 1 { print $7, $8, $1 }')
  case $mine in
    '') die 2 "there is no snapshot $want" "sh recover.sh --list" ;;
    *"$LF"*) die 2 "more than one snapshot begins with $want" "sh recover.sh --list" ;;
  esac
  want=${mine%% *} number=${mine##* } snapshot=${mine#* }; snapshot=${snapshot% *}
  sound "$want" "$snapshot" || die 4 "snapshot $want is damaged" "sh recover.sh --list, then name another"
fi

# ---------------------------------------------------------------------------------------------------- the directory
[ ! -e "$to" ] || [ -d "$to" ] || die 20 "$to is not a directory" "name an empty or new directory"
mkdir -p -- "$to" || die 1 "$to can not be made"
to=$(cd -- "$to" && pwd -P) || die 1 "$to can not be entered"
[ -z "$(ls -A -- "$to")" ] || die 20 "$to is not empty" "name an empty or new directory"
umask 077
W=$to/$STAGE; export W
mkdir -- "$W" || die 1 "$to can not be written to"
fetching= verifying=
cleanup() {
  [ -z "$fetching$verifying" ] || { kill $fetching $verifying; wait $fetching $verifying; } 2>/dev/null
  rm -rf -- "$W" 2>/dev/null || rm -rf -- "$W"
}
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
fingerprint=$(printf "$(escapes "$key")" | sha256sum)
stated=$(sed -n '1s/.*"sequence":\([0-9]*\).*/\1/p' "$snapshot")
case $snapshot in
  "snapshots/${fingerprint%"${fingerprint#????????????????}"}/"*) ;;
  *) damage "the snapshot does not lie under the fingerprint of its key" ;;
esac
[ "${stated:-0}" -eq "$number" ] || damage "the snapshot does not bear the number that it states, $stated"

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
awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' "$W/catalogs" >"$W/newest.first"
# Packs are unpacked in batches, so that only a part of them is ever staged: name, size, batch.
objects pack .tar.zst 2>>"$W/refused" |
  awk '{ if (!n || held + $2 > 25165824) { n++; held = 0 } held += $2; print $1, $2, n }' >"$W/packs"
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
# Bytes are percent-encoded in catalogs. Where awk can not keep a NUL, a byte that no name holds stands for it, and tr turns it back.
common='
function decode(s,  out, i) {
  if (!index(s, "%")) return s
  out = ""
  while (i = index(s, "%")) { out = out substr(s, 1, i - 1) BYTE[substr(s, i + 1, 2)]; s = substr(s, i + 3) }
  return out s
}
function nul(byte,  i) { P = sprintf("%c", byte + 0); ORD[P] = 0; Z = P; for (i = 1; i < 11; i++) Z = Z Z; SP = "                "; while (length(SP) < 1024) SP = SP SP }
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
# LINES is the number of line feeds in it.
function headers(a, type, path, mtime, size, target,  d, n, r) {
  d = record("path", path) EXTRA[a]
  LINES = 5; if (EXTRA[a] != "" || index(path, "\n")) { r = path EXTRA[a]; LINES += gsub(/\n/, "", r) }
  if (mtime != "") d = d record("mtime", mtime)
  if (size != "") d = d record("size", size)
  if (target != "") d = d record("linkpath", target)
  r = (1024 * 1024 * 1024 - length(d)) % 512
  if (r > 0 && r < 14) r += 512
  if (r == 0) LINES--; else d = d r " comment=" substr(SP, 1, r - length(r "") - 10) "\n"
  n = length(d)
  if (!(n in PAX)) PAX[n] = header(420, 0, 0, n, "x", "", "", P)
  if (!((a, type) in USTAR)) USTAR[a, type] = header(MODE[a], UID[a], GID[a], 0, type, substr(USER[a], 1, 31), substr(GROUP[a], 1, 31), "\n")
  return PAX[n] d USTAR[a, type]
}
BEGIN { for (i = 1; i < 256; i++) { c = sprintf("%c", i); ORD[c] = i; BYTE[sprintf("%02X", i)] = c } }
'

# ---------------------------------------------------------------------------------------------------- awk: catalogs to a plan
# Reads the catalogs, the newest first, so that the first word on a thing is the last: only what deltas say is kept in memory, and
# the base runs through. Writes below $W: N.plan, a line for each file (attribute, mtime, size, path, parts), and N.packs for
# each batch N of packs (late.plan for files whose parts lie in several batches, or in a pack that is not named); attributes;
# dirs.head, links.head and last.head, tar headers; numbers; problems.
# SI, DI number sections and directories; SDEAD, DDEAD hold the catalog that says one is gone, which holds for all older catalogs;
# SAID holds what newer catalogs say of a thing: "" where that is all, else a change of a message whose line is still to come.
merge='
function problem(text) { gsub(/[^ -~]/, "?", text); print text > (W "/problems") }
function rubbish() { if (++rubbishes <= 5) problem("a line of a catalog makes no sense: " substr($0, 1, 80)) }
function valid(s,  t) {
  if (s ~ "[^A-Za-z0-9._,:=+@/~%-]") return 0
  if (!index(s, "%")) return 1
  t = s; gsub(/%[0-9A-F][0-9A-F]/, "", t)
  return !index(t, "%") && !index(s, "%00")
}
# A path of names, none of them empty, "." or "..": nothing that could lead out of the directory, nor to the staging.
function inside(path,  p) { p = "/" path "/"; return !index(p, "//") && !index(p, "/./") && !index(p, "/../") && index(p, "/" STAGE "/") != 1 }
# A name of one thing in a directory.
function plain(name) {
  if (name ~ "[^A-Za-z0-9._,:=+@~-]") { if (!valid(name)) return 0; name = decode(name) }
  return name != "" && name != "." && name != ".." && name != STAGE && !index(name, "/")
}
function join(a, b) { return a == "" ? b : b == "" ? a : a "/" b }
function parent(path) { return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : "" }
# Half a microsecond later, as the program restores it: read as a floating-point number the time then never falls below the microsecond.
function later(t,  dot, s, u) {
  if (substr(t, 1, 1) != "-") return t "5"
  dot = index(t, "."); s = substr(t, 2, dot - 2) + 0; u = substr(t, dot + 1) + 0
  if (s == 0 && u == 0) return "0.0000005"
  return u > 0 ? sprintf("-%.0f.%06d5", s, u - 1) : sprintf("-%.0f.9999995", s - 1)
}
function time(t) { return t ~ /^-?[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]$/ && length(t) < 20 }
# The number of a combination of mode, user and group; 0 where it makes no sense.
function attribute(mode, user, group,  k) {
  k = mode "\"" user "\"" group
  if (k in AI) return AI[k]
  if (mode !~ /^[0-7]+$/ || length(mode) > 4 || user == "" || group == "" || !valid(user group) || (user group) ~ /%0A/) return 0
  AI[k] = ++attrs; AMODE[attrs] = mode; AUSER[attrs] = user; AGROUP[attrs] = group
  attributes(attrs, mode, user, group); print attrs, mode, user, group > (W "/attributes")
  return attrs
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
function catalog(  i) {
  serial++; sec = dir = 0; skip = 1; over = base; base = base || V["kind"] == "base"
  split("", PACK)
  for (i = 1; i <= LN; i++) PACK[i - 1] = L[i] in GLOBAL ? GLOBAL[L[i]] : 0
}
# Mailbox patterns, one a line, each to a regular expression.
function patterns(  i, j, c, s, n, pattern) {
  n = split(ENVIRON["mailboxes"], pattern, "\n")
  for (i = 1; i <= n; i++) if (pattern[i] != "") {
    s = ""
    for (j = 1; j <= length(pattern[i]); j++) { c = substr(pattern[i], j, 1); s = s (c == "*" ? ".*" : c == "?" ? "." : c ~ /[\\^]/ ? "\\" c : "[" c "]") }
    WANT[++wants] = "^" s "$"
  }
}
function chosen(box,  i) { if (!wants) return 1; for (i = 1; i <= wants; i++) if (box ~ WANT[i]) return 1; return 0 }
# A section, or a directory, that is passed over leaves "skip" set: what stands below it is then passed over too.
function section(  k) {
  k = V["store"] "\"" V["mailbox"] "\"" V["area"]; sec = dir = 0; skip = 1
  # Says which messages the files of the other areas hold; nothing of it is a file.
  if (V["area"] == "view") return
  if (!(k in SI)) { SI[k] = ++secs; SROOT[secs] = V["root"]; SCHOSEN[secs] = chosen(decode(V["mailbox"])) }
  k = SI[k]
  if ((k in SDEAD) && SDEAD[k] != serial) return
  if (V["gone"] == "true") { SDEAD[k] = serial; return }
  hits += SCHOSEN[k]
  if (SCHOSEN[k]) { sec = k; skip = 0 }
}
function directory(  k, d, e, full) {
  k = sec "\"" V["dir"]; skip = 1; e = join(SROOT[sec], V["dir"])
  if (!(k in DI)) {
    DI[k] = d = ++dirs; DENC[d] = e; DSEC[d] = sec
    full = decode(e); if (index(e, "%")) DFULL[d] = full; else DFULL[d] = e
    DOK[d] = valid(e) && valid(V["dir"]) && (full == "" || inside(full))
    if (!DOK[d]) problem("refused, with all that is in it: the directory " e)
  }
  d = DI[k]
  if (d != dir) attr = 0
  dir = 0
  if ((d in DDEAD) && DDEAD[d] != serial || !DOK[d]) return
  if (V["gone"] == "true") { DDEAD[d] = serial; return }
  dir = d; skip = 0; DSEEN[d] = 1
  if (("mode" in V) && !(d in DATTR)) {
    DATTR[d] = time(V["mtime"]) ? attribute(V["mode"], V["user"], V["group"]) : 0
    DTIME[d] = V["mtime"]
  }
}
# Whether newer catalogs have said all of a thing; if not, older ones will hear of it from here.
function said(k) {
  if (changes && (k in SAID)) { if (SAID[k] == "") return 1; return 0 }
  if (!base) { SAID[k] = ""; changes++ }
  return 0
}
function message(name, where, flags, a, t, size, part,  k, c) {
  k = dir "\"m" name
  if (said(k)) return
  if (changes && (k in SAID) && SAID[k] != "") {
    split(SAID[k], c, "\""); SAID[k] = ""
    if (c[1] != "") where = substr(c[1], 2)
    if (c[2] != "") flags = substr(c[2], 2)
    if (c[3] c[4] c[5] != "") a = attribute(c[3] == "" ? AMODE[a] : substr(c[3], 2), c[4] == "" ? AUSER[a] : substr(c[4], 2), c[5] == "" ? AGROUP[a] : substr(c[5], 2))
    if (c[6] != "") t = substr(c[6], 2)
    if (c[7] != "") part = substr(part, 1, 65) substr(c[7], 2)
  }
  if (where != "cur" && where != "new") { problem("refused: " DENC[dir] "/" where "/" name flags); return }
  if (where != lastwhere || dir != lastdir) { WHERE[dir "/" where]; lastwhere = where; lastdir = dir }
  if (put(join(DENC[dir], where) "/", name flags, a, t, size, part)) messages++
}
function field(name) { return (name in V) ? "=" V[name] : "" }
function change(  k, c, n, i, s) {
  k = dir "\"m" V["msg"]
  n = field("in") "\"" field("flags") "\"" field("mode") "\"" field("user") "\"" field("group") "\"" field("mtime") "\"" (("pack" in V) ? "=" (PACK[V["pack"]] + 0) : "")
  if (!(k in SAID)) { SAID[k] = n; changes++; return }
  if (SAID[k] == "") return
  split(SAID[k], c, "\""); split(n, L, "\"")
  for (i = 1; i <= 7; i++) s = s (i > 1 ? "\"" : "") (c[i] == "" ? L[i] : c[i])
  SAID[k] = s
}
function gone(kind, name,  k) { k = dir "\"" kind name; if (!(k in SAID)) changes++; if (SAID[k] == "") SAID[k] = "" }
function other(  i, n, parts) {
  if (V["gone"] == "true") { gone("f", V["file"]); return }
  if (said(dir "\"f" V["file"])) return
  for (i = 1; i <= LN; i++) { n = index(L[i], ":"); parts = parts (i > 1 ? "," : "") substr(L[i], 1, n) (PACK[substr(L[i], n + 1)] + 0) }
  if (put(DENC[dir] == "" ? "" : DENC[dir] "/", V["file"], attribute(V["mode"], V["user"], V["group"]), V["mtime"], V["size"], parts)) files++
}
function symlink() {
  if (V["gone"] == "true") { gone("l", V["link"]); return }
  if (said(dir "\"l" V["link"])) return
  links++; LNAME[links] = join(DENC[dir], V["link"]); LTO[links] = V["to"]; LTIME[links] = V["mtime"]; LATTR[links] = attribute("777", V["user"], V["group"])
  if (!plain(V["link"]) || !valid(V["to"]) || V["to"] == "" || !time(V["mtime"]) || !LATTR[links]) { problem("refused: " LNAME[links]); links-- }
}
# A line for the plan of the batch that its packs are in.
function put(folder, name, a, t, size, part,  b, n, i, p, packs) {
  if (!a || !plain(name) || !time(t) || size !~ /^[0-9]+$/ || length(size) > 15) { problem("refused: " folder name); return 0 }
  if (length(part) > 65 && !index(part, ",")) {
    packs = substr(part, 66); part = substr(part, 1, 64)
    if (part ~ /[^0-9a-f]/) { problem("refused: " folder name); return 0 }
    b = (packs in BATCH) ? BATCH[packs] : "late"; USED[packs]
  } else {
    n = split(part, p, ","); part = ""; b = ""
    for (i = 1; i <= n; i++) {
      if (length(p[i]) < 66 || substr(p[i], 65, 1) != ":" || substr(p[i], 1, 64) ~ /[^0-9a-f]/) { problem("refused: " folder name); return 0 }
      packs = substr(p[i], 66); USED[packs]; packs = (packs in BATCH) ? BATCH[packs] : "late"
      b = b == "" || b == packs ? packs : "late"
      part = part (i > 1 ? "," : "") substr(p[i], 1, 64)
    }
    if (b == "" || n > 1 && ENVIRON["direct"] != "") b = "late"
  }
  # One line of output for each file is what verify counts on.
  if (ENVIRON["direct"] != "" && index(folder name, "%0A")) b = "late"
  bytes += size
  BUFFER[b] = BUFFER[b] a " " later(t) " " size " " folder name " " part "\n"
  if (length(BUFFER[b]) > 4096) flush(b)
  return 1
}
function flush(b) { printf "%s", BUFFER[b] >> (W "/" b ".plan"); close(W "/" b ".plan"); BUFFER[b] = "" }
# Has tar make a directory, and its parents before it.
function register(path, a) {
  if (path == "" || (path in KNOWN)) return
  register(parent(path), a)
  KNOWN[path]; printf "%s", headers(a, "5", path, "", "", "") > (W "/dirs.head")
}
BEGIN {
  W = ENVIRON["W"]; STAGE = ENVIRON["STAGE"]; patterns(); skip = 1; batches = 0
  while ((getline line < (W "/packs")) > 0) {
    split(line, F, " "); NAME[++total] = F[1]; GLOBAL[F[1]] = total; BATCH[total] = batches = F[3]
  }
}
{
  if ($0 == "") next
  if (index($0, "%")) { s = $0; while (i = index(s, "%")) { TAKEN[substr(s, i + 1, 2)]; s = substr(s, i + 3) } }
  N = split($0, F, "\""); k = F[2]
  if (k == "msg") {
    if (skip) next
    # Nearly all lines have one of these two shapes.
    if (N == 25 && F[14] == "mtime" && F[20] == "sha" && F[24] == "pack") message(F[4], F[8], F[12], attr, F[16], substr(F[19], 2, length(F[19]) - 2), F[22] ":" (PACK[substr(F[25], 2, length(F[25]) - 2)] + 0))
    else if (N == 37 && F[14] == "mode" && F[32] == "sha" && F[36] == "pack") {
      attr = attribute(F[16], F[20], F[24])
      message(F[4], F[8], F[12], attr, F[28], substr(F[31], 2, length(F[31]) - 2), F[34] ":" (PACK[substr(F[37], 2, length(F[37]) - 2)] + 0))
    } else {
      parse()
      if (V["gone"] == "true") gone("m", V["msg"])
      else if (!("sha" in V)) change()
      else {
        attr = attribute(("mode" in V) ? V["mode"] : AMODE[attr], ("user" in V) ? V["user"] : AUSER[attr], ("group" in V) ? V["group"] : AGROUP[attr])
        message(V["msg"], V["in"], V["flags"], attr, V["mtime"], V["size"], V["sha"] ":" (PACK[V["pack"]] + 0))
      }
    }
    next
  }
  if (k == "frame") next
  parse()
  if (F[1] != "{") rubbish()
  else if (k == "catalog") catalog()
  else if (k == "mailbox") { if (serial && !over) section() }
  else if (k == "dir") { if (sec) directory() }
  else if (k == "file") { if (!skip) other() }
  else if (k == "link") { if (!skip) symlink() }
  else rubbish()
}
END {
  byte = 0; nul(byte)
  if (length(Z) != 1024) {
    for (byte = 1; byte < 255; byte++) if (byte != 10 && (byte < 32 || byte > 126) && !(sprintf("%02X", byte) in TAKEN)) break
    if (byte == 255) { problem("names hold every byte there is, and this awk can not write NUL: use mawk or gawk"); exit 1 }
    nul(byte)
  }
  if (rubbishes > 5) problem((rubbishes - 5) " more lines that make no sense")
  if (wants && !hits) problem("no mailbox of this snapshot has such a name")
  for (k in SAID) if (SAID[k] != "") { i = index(k, "\""); problem("a change of a message that is not known: " DENC[substr(k, 1, i - 1)] "/" substr(k, i + 2)) }
  for (b in BUFFER) flush(b)
  for (i = 1; i <= total; i++) if (BATCH[i] > 1 || ENVIRON["ahead"] == "") print NAME[i] > (W "/" ((i in USED) ? BATCH[i] ".packs" : "unused"))
  ours = attribute("700", "0", "0"); deepest = 0
  for (d = 1; d <= dirs; d++) if (d in DSEEN) {
    register(DFULL[d], ours)
    if ((d "/cur") in WHERE) register(join(DFULL[d], "cur"), ours)
    if ((d "/new") in WHERE) register(join(DFULL[d], "new"), ours)
    DEEP[d] = split(DFULL[d], F, "/"); if (DEEP[d] > deepest) deepest = DEEP[d]
    if (!DATTR[d]) problem("no attributes are known of the directory " DENC[d])
  }
  for (i = 1; i <= links; i++) printf "%s", headers(LATTR[i], "2", decode(LNAME[i]), later(LTIME[i]), "", decode(LTO[i])) > (W "/links.head")
  directories = 0
  for (; deepest >= 0; deepest--) for (d = 1; d <= dirs; d++) if ((d in DSEEN) && DEEP[d] == deepest && DATTR[d]) {
    printf "%s", headers(DATTR[d], "5", DFULL[d] == "" ? "." : DFULL[d], later(DTIME[d]), "", "") > (W "/last.head"); directories++
  }
  print batches, byte, messages + 0, files + 0, links + 0, directories, sprintf("%.0f", bytes + 0) > (W "/numbers")
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
  printf "%s%s", substr(Z, 1, pad), headers($1, "0", decode($4), $2, $3, "")
  n = LINES - !count++
  if (!(n in STEPS)) { s = ""; for (i = 0; i < n; i++) s = s "n\n"; STEPS[n] = s }
  s = STEPS[n]; parts = split($5, p, ",")
  for (i = 1; i <= parts; i++) s = s "r " p[i] "\n"
  printf "%s", s > script
  pad = (512 - $3 % 512) % 512
}
END { print "n" > script; if (count) printf "%s%s", substr(Z, 1, pad), Z; print count + 0 > (W "/" N ".count") }
'

# Reads packs, one after the other, each after a mark, split at "ustar": a record is the rest of a header, an entry and its padding, and
# the beginning of the next header (which name and size are in). Writes an archive of the files of $W/$N.plan, saves entries that
# $W/wanted lists in $W/late, lists what it had no use for in $W/$N.ls, what it wrote in $W/$N.wrote.* and, for xargs, $W/$N.paths.*.
# Plan lines whose bytes do not come by, or are of another size, go to $W/left.N.
direct_awk='
function lost(line) { print line "\n" > (W "/left." N) }
function begin(head,  i, s) {
  name = substr(head, 1, 64); size = 0; s = substr(head, 125, 11)
  entry = length(head) == 257 && name !~ /[^0-9a-f]/ && substr(head, 65, 1) == NUL && substr(head, 157, 1) == "0" && s !~ /[^0-7]/
  if (s ~ /[^0-7]/) { state = "lost"; return }
  sub(/^0+/, "", s)
  for (i = 1; i <= length(s); i++) size = size * 8 + substr(s, i, 1)
  pad = (512 - size % 512) % 512; state = "body"; pieces = total = 0
}
# The bytes of the entry: to a file, or with their padding to the output.
function content(file,  i, s) {
  if (file == "" && pieces == 1) { print substr(PIECE[1], 251, size + pad); return }
  for (i = 1; i <= pieces; i++) {
    s = i == 1 ? substr(PIECE[1], 251) : PIECE[i]
    if (i < pieces) s = s "ustar"; else s = substr(s, 1, length(s) - 257 - (file == "" ? 0 : pad))
    if (file == "") print s; else print s > file
  }
  if (file != "") close(file)
}
function finish(  i, n, f, k) {
  if (length(PIECE[pieces]) < 257 + (pieces > 1 ? pad : 0) || !entry) return
  if (name in WANT) { delete WANT[name]; content(W "/late/" name) }
  if (!(name in PLAN)) { print "- - - - - " name "\n" > (W "/" N ".ls"); return }
  n = split(PLAN[name], LINE, "\n"); delete PLAN[name]
  for (i = 1; i <= n; i++) {
    split(LINE[i], f, " ")
    if (f[3] != size) { lost(LINE[i]); continue }
    path = decode(f[4]); print headers(f[1], "0", path, f[2], f[3], ""); content("")
    k = count++ % CPUS
    print LINE[i] "\n" > WROTE[k]; print "./" path NUL > PATHS[k]
  }
}
BEGIN {
  W = ENVIRON["W"]; N = ENVIRON["N"]; CPUS = ENVIRON["cpus"]; for (k = 0; k < CPUS; k++) { WROTE[k] = W "/" N ".wrote." k; PATHS[k] = W "/" N ".paths." k }
  MARK = ENVIRON["mark"]; nul(0); NUL = P
  while ((getline < (W "/attributes")) > 0) attributes($1, $2, $3, $4)
  while ((getline line < (W "/wanted")) > 0) WANT[line]
  while ((getline line < (W "/" N ".plan")) > 0) { split(line, f, " "); if (f[5] in PLAN) PLAN[f[5]] = PLAN[f[5]] "\n" line; else PLAN[f[5]] = line }
  RS = "ustar"; ORS = ""
}
{
  if ($0 == MARK) { state = "head"; next }
  if (state == "head") { begin($0); next }
  if (state != "body") next
  PIECE[++pieces] = $0; total += length($0) + (pieces > 1 ? 5 : 0)
  if (total < 250 + size + pad + 257) next
  if (total > 250 + size + pad + 257) { state = "lost"; next }
  finish()
  begin(substr($0, length($0) - 256))
}
END {
  print Z
  for (name in PLAN) lost(PLAN[name])
  print count + 0 "\n" > (W "/" N ".count")
}
'

# ---------------------------------------------------------------------------------------------------- unpacking
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
  [ -f "$W/$N.packs" ] || : >"$W/$N.packs"
  failed=$W/$N.failed
  damaged packs <"$W/$N.packs" >"$W/$N.damaged" &
  while read -r name; do
    open "packs/${name%"${name#??}"}/$name" "$@" 2>>"$W/$N.errors" |
      tar -x -vv --numeric-owner -m -f - -C "$W/$N" --no-same-owner --no-same-permissions --anchored --wildcards --no-wildcards-match-slash "$hex" \
        >>"$W/$N.ls" 2>>"$W/$N.errors"
  done <"$W/$N.packs"
  wait
}
# ---------------------------------------------------------------------------------------------------- the plan
damaged catalogs <"$W/catalogs" >"$W/damaged"
while read -r name; do damage "damaged: catalogs/${name%"${name#??}"}/$name: what it says of mailboxes and messages is not restored"; done <"$W/damaged"
# While the catalogs are read the first packs are unpacked, unless only some mailboxes are wanted.
ahead=
if [ -z "$mailboxes$direct" ] && [ -s "$W/packs" ]; then
  ahead=yes
  awk '$3 == 1 { print $1 }' "$W/packs" >"$W/1.packs"
  fetch 1 "$@" & fetching=$!
fi
export ahead
failed=$W/failed
{
  while read -r name _; do
    if [ -n "$(awk -v name="$name" '$1 == name' "$W/damaged")" ]; then continue; fi
    open "catalogs/${name%"${name#??}"}/$name" "$@" 2>"$W/errors" || :
    echo
    [ ! -s "$failed" ] || break
  done <"$W/newest.first"
} | mailboxes=$mailboxes "$awk" "$common$merge" || { cat "$W/problems" >&2; die 1 "the catalogs can not be read"; }
if [ -s "$failed" ]; then
  cat "$W/errors" >&2
  case $(cat "$failed") in
    age*) die 12 "no identity opens $(awk 'NR == 1 { print $1 }' "$W/catalogs"), which is not damaged" "name the right file with --identity" ;;
    *) die 4 "a catalog can not be decompressed" "name another snapshot: sh recover.sh --list" ;;
  esac
fi
read -r batches byte messages files links directories bytes <"$W/numbers"
export byte
nul=$("$awk" -v n="$byte" 'BEGIN { printf "\\%03o", n }')
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
# Nothing that is there is ever replaced (-k); that a path is there already can only be where a catalog names it twice.
nuls() { if [ "$byte" -eq 0 ]; then cat; else tr "$nul" '\000'; fi; }
untar() {
  tar -x -p -f - -C "$to" --warning=no-timestamp "$@" 2>"$W/errors" && return
  awk '/Exiting with failure status/ { next } /File exists/ { print "refused, for it is there twice: " $0 > (ENVIRON["W"] "/twice"); next } { print; other = 1 } END { exit !other }' \
    "$W/errors" >&2 && echo 'tar failed' >>"$W/unwritten"
}
if [ -s "$W/dirs.head" ]; then nuls <"$W/dirs.head" >"$W/dirs.tar"; untar -m <"$W/dirs.tar"; fi
[ ! -s "$W/unwritten" ] || die 1 "directories can not be made below $to"

# Says which packs of a batch are damaged.
judge() {
  [ -f "$W/$1.damaged" ] || return 0
  case $(cat "$W/$1.errors" 2>/dev/null) in *'No space left'*) die 1 "no space left below $to" "choose another place" ;; esac
  while read -r name; do
    path=packs/${name%"${name#??}"}/$name
    if [ -f "$path" ]; then damage "damaged: $path"; else damage "missing: $path"; fi
  done <"$W/$1.damaged"
}
# claim N: moves those entries that $W/wanted lists from $W/N to $W/late, if their bytes are right.
claim() {
  [ -s "$W/wanted" ] || return 0
  ls "$W/$1" | awk -v wanted="$W/wanted" 'BEGIN { while ((getline s < wanted) > 0) want[s] } $0 in want' >"$W/claim"
  [ -s "$W/claim" ] || return 0
  (
    cd "$W/$1" || exit
    ls -ln | awk '/^-/ { file[$9] } END { while ((getline s < "../claim") > 0) if (s in file) print s }' | xargs $hasher 2>/dev/null |
      awk '{ sub(/^\*/, "", $2) } $1 == $2 { print $2 }' | xargs sh -c '[ "$#" -eq 0 ] || mv -f -- "$@" ../late/' sh
  )
}
headers() {
  if [ "$byte" -eq 0 ]; then "$awk" "$common$emit" "$W/$N.plan"; else "$awk" "$common$emit" "$W/$N.plan" | tr "$nul" '\000'; fi >"$W/$N.head"
}
# lay N: restores $W/N.plan from the entries in $W/N. Lines that can not be restored go to $W/left.N.
lay() {
  N=$1; export N
  [ -f "$W/$N.ls" ] || ls -ln "$W/$N" >"$W/$N.ls"
  [ -s "$W/$N.plan" ] || return 0
  : >"$W/$N.bad"
  headers & making=$!
  hashed=$(awk -v n="$cpus" '
    # What tar or ls said: kind, size and name of what is there; only plain files count.
    FILENAME == ARGV[1] { if (NF == 9) { $6 = $9; $3 = $5 }; if (/^-/) size[$6] = $3; else delete size[$6]; next }
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

# stream N [age options]: restores $W/N.plan straight from its packs.
stream() {
  N=$1; export N
  shift
  failed=$W/$N.failed
  [ -f "$W/$N.packs" ] || return 0
  damaged packs <"$W/$N.packs" >"$W/$N.damaged" & hashing=$!
  while read -r name; do
    printf 'ustar%sustar' "$mark"
    open "packs/${name%"${name#??}"}/$name" "$@" 2>>"$W/$N.errors"
  done <"$W/$N.packs" | "$awk" "$common$direct_awk" | untar -k -v >"$W/$N.out"
  wait "$hashing"
  read -r count <"$W/$N.count"
  [ "$(awk 'END { print NR }' "$W/$N.out")" -eq "$count" ] || echo "of $count files of batch $N not all came out of tar" >>"$W/unwritten"
}
# verify N: holds what stream wrote to its hashes. What fails is removed, and goes to $W/left.N too.
verify() {
  cd "$to" || exit
  for paths in "$W/$1".paths.*; do
    case $paths in
      *.'*') ;;
      *) xargs -0 $hasher <"$paths" >"$paths.got" 2>/dev/null & ;;
    esac
  done
  wait
  for paths in "$W/$1".paths.*.got; do
    [ -f "$paths" ] || continue
    paths=${paths%.got}
    # Hash for hash, in the order of the list; sha256sum puts a backslash before the line of a name that it had to escape.
    got=$paths.got "$awk" "$common"'
      { getline line < ENVIRON["got"]; sub(/^\\/, "", line) }
      substr(line, 1, 64) != $5 { print > ENVIRON["left"]; printf "./%s%c", decode($4), 0 }' "$W/$1.wrote.${paths##*.paths.}"
  done >"$W/$1.bad"
  [ ! -s "$W/$1.bad" ] || xargs -0 rm -f <"$W/$1.bad"
  rm -f "$W/$1".paths.* "$W/$1".wrote.*
}

# wanted: lists in $W/wanted the entries that late.plan needs and that are not in $W/late.
wanted() {
  : >"$W/wanted"
  [ -s "$W/late.plan" ] || return 0
  ls "$W/late" >"$W/late.have"
  awk 'FILENAME == ARGV[1] { have[$1]; next } { n = split($5, p, ","); for (i = 1; i <= n; i++) if (!(p[i] in have)) { have[p[i]]; print p[i] } }' \
    "$W/late.have" "$W/late.plan" >"$W/wanted"
}
mkdir "$W/late"
wanted
batch=1
mark=$(awk 'BEGIN { srand(); printf "%.0f%.0f", rand() * 1e9, rand() * 1e9 }')$want$$; export mark
[ -n "$ahead$direct" ] || [ "$batches" -eq 0 ] || { fetch 1 "$@" & fetching=$!; }
while [ "$batch" -le "$batches" ]; do
  next=$((batch + 1))
  if [ -n "$direct" ]; then
    stream "$batch" "$@"
    judge "$batch"
    [ -z "$verifying" ] || wait "$verifying"; verifying=
    (left=$W/left.$batch.bad; export left; verify "$batch") & verifying=$!
  else
    wait "$fetching"; fetching=
    judge "$batch"
    [ "$next" -gt "$batches" ] || { fetch "$next" "$@" & fetching=$!; }
    lay "$batch"
    claim "$batch"
    rm -rf -- "${W:?}/$batch" "$W/$batch".hash.* "$W/$batch.head" "$W/$batch.sed" "$W/$batch.out" &
    removing=$!
  fi
  [ ! -t 2 ] || printf '\rrecover.sh: %s of %s' "$batch" "$batches" >&2
  [ ! -s "$W/unwritten" ] || break
  batch=$next
done
[ -z "$verifying" ] || wait "$verifying"; verifying=
[ ! -t 2 ] || printf '\n' >&2

# What was not where the catalog says may lie in another pack.
if [ ! -s "$W/unwritten" ]; then
  cat "$W"/left.* >>"$W/late.plan" 2>/dev/null
  wanted
  if [ -s "$W/wanted" ]; then
    : >"$W/search"
    [ ! -s "$W/unused" ] || cat "$W/unused" >>"$W/search"
    batch=1
    while [ "$batch" -le "$batches" ]; do
      [ -f "$W/$batch.ls" ] &&
        awk 'FILENAME == ARGV[1] { want[$1]; next } $6 in want { found = 1; exit } END { exit !found }' "$W/wanted" "$W/$batch.ls" && cat "$W/$batch.packs" >>"$W/search"
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
if [ -s "$W/twice" ]; then while read -r line; do damage "$line"; done <"$W/twice"; fi
if [ -s "$W/links.head" ]; then nuls <"$W/links.head" >"$W/links.tar"; untar -k <"$W/links.tar"; fi
result=$(cat "$W/unwritten" 2>/dev/null)
# In a run of its own: tar makes some links at its very end, which would change the times of their directories.
: >>"$W/last.head"
nuls <"$W/last.head" >"$W/last.tar"
exec 3<"$W/last.tar"
cleanup
trap - EXIT
[ "$directories" -eq 0 ] || tar -x -p -f - -C "$to" --warning=no-timestamp <&3 || result=tar
[ -z "$result" ] || die 1 "not everything could be written below $to: $result" "free some space, or choose another place, and begin again"
case $status in
  0) say "restored into $to" ;;
  *) say "restored into $to, but for what is said above" ;;
esac
exit "$status"
