#!/usr/bin/env bash
# examples/incoming.sh [DIR]: files that others drop into DIR (default: two exports that it puts into run/incoming itself), once,
# through the queue run/incoming.q into run/incoming.out. What is read moves to DIR.read, so that DIR shows what is still to be done.
# Typed again, it carries on with what has come since; stopped at any moment, too. For good, without --once, it follows DIR.
set -euo pipefail

here=$PWD
unset ${!FLUME_@} # what is set for other lines of this machine does not concern this one
cd "$(dirname "$0")/.."
bin=$PWD/bin
mkdir -p run
cd run
if (($# == 0)); then
  dir=$PWD/incoming
  mkdir -p "$dir"
  for shop in north south; do
    # written elsewhere and moved in: a name that is there is a whole file, and need not be waited for
    printf 'id,amount\n1,%s\n2,%s\n' "$RANDOM" "$RANDOM" > ".$shop.csv"
    mv ".$shop.csv" "$dir/$shop-$(date +%s%N).csv"
  done
else
  case $1 in /*) dir=$1 ;; *) dir=$here/$1 ;; esac
  if [[ ! -d $dir ]]; then echo "there is no directory $dir" >&2; exit 66; fi
fi
dir=${dir%/}

formats=()
if (($# == 0)); then formats=(--csv); fi # each record an event, a JSON object with the names of the first line
"$bin/flume-spool" --once "${formats[@]}" --done "$dir.read" "$dir" | "$bin/flume-buffer" ./incoming.q | "$bin/flume-sink-hdfs" --path "file://${PWD//%/%%}/incoming.out"

echo
echo "Still in $dir: $(find "$dir" -type f | wc -l) files; read, in $dir.read: $(find "$dir.read" -type f | wc -l). The result:"
find incoming.out -type f ! -name '[_.]*' -exec tail -n 3 {} + | sed 's|^|  |'
