#!/bin/sh
# Keeps beside each bundle what V8 has compiled of it for this node, after each command has moved some lines here. Where that fails
# the commands start all the same, only later.
bin=$(cd "$(dirname "$0")/../../bin" && pwd) || exit 0
work=$(mktemp -d) || exit 0
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 0
export FLUME_CODE_CACHE=write XDG_STATE_HOME="$work/state"
mkdir in
yes 'a line to move' | head -n 200000 | tee in/one >log

"$bin/flume-tail" --once log | "$bin/flume-buffer" queue | "$bin/flume-sink-hdfs" --path out
"$bin/flume-spool" --once in | "$bin/flume-intercept" --static a=b | "$bin/flume-route" --to "env -u FLUME_CODE_CACHE '$bin/flume-buffer' routed"
"$bin/flume-stat" --json >stages 2>&1 || true # there are none by now
