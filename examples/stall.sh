#!/bin/sh
# A step that stops halfway, as real ones do: it waits for something that says nothing. Try it from the repository's root:
#
#   cargo run -- heartbeat --label demo --every 1s --stall-after 3s -- examples/stall.sh
#   cargo run -- heartbeat --label demo --every 1s --stall-after 3s --stall-kill -- examples/stall.sh 60
#
# The first one warns, with the tree of processes, and passes when the step goes on. The second one ends the step (124).
echo "resolving dependencies"
sleep 1
echo "downloading"
sleep "${1:-6}"
echo "done"
