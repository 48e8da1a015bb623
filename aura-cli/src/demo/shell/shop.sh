#!/bin/sh
# The program: `sh shop.sh COMMAND NAME..`.
. lib/cart.sh
command=$1
shift
case "$command" in
    total) cents "$@" ;;
    *) echo "unknown command: $command" >&2; exit 2 ;;
esac
