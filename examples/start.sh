#!/usr/bin/env bash
# npm start [-- FILE...]: the main job, once, under ./run/, on the files named or on a small log beside this script.
# Typed again, it carries on: what is in the result stays there once.
set -euo pipefail

here=${INIT_CWD:-$PWD}
unset ${!FLUME_@} # what is set for other lines of this machine does not concern this one
cd "$(dirname "$0")/.."
files=()
for file in "$@"; do
  case $file in
    -*) echo "npm start takes names of files, and no option such as $file: type the commands themselves for more" >&2; exit 64 ;;
    /*) files+=("$file") ;;
    *) files+=("$here/$file") ;;
  esac
done
if ((${#files[@]} == 0)); then files=("$PWD/examples/access.log"); fi

bin=$PWD/bin
mkdir -p run/flume
cd run
lines() { find flume -type f ! -name '[_.]*' -exec cat {} + | wc -l; }

before=$(lines)
"$bin/flume-tail" --once -- "${files[@]}" | "$bin/flume-buffer" ./q | "$bin/flume-sink-hdfs" --path "file://${PWD//%/%%}/flume/%Y-%m-%d"
after=$(lines)

echo
if ((after == before)); then
  echo "Nothing is new: all of ${files[*]} is in place already. The result lies in:"
else
  echo "New lines: $((after - before)), in all: $after. The result lies in:"
fi
find flume -mindepth 1 -maxdepth 1 -type d | sort | sed 's|^|  run/|; s|$|/|'
echo "The queue is run/q. Add lines to the log and run this again: only they are new."
