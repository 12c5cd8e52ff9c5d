#!/bin/sh
# manual.sh PROGRAM TEMPLATE: the manual page, with the program's own tables of options and
# of metrics.
set -eu
program=$1
template=$2
while IFS= read -r line; do
	case $line in
	@OPTIONS@) "$program" options --man ;;
	@METRICS@) "$program" metrics --man ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$template"
