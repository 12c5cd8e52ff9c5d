#!/bin/sh
# manual.sh PROGRAM TEMPLATE: a manual page, with the program's own version and tables of
# options and of metrics.
set -eu
program=$1
template=$2
version=$("$program" --version | sed 's/.* //')
while IFS= read -r line; do
	case $line in
	@OPTIONS@) "$program" options --man ;;
	@METRICS@) "$program" metrics --man ;;
	*@VERSION@*) printf '%s\n' "${line%%@VERSION@*}$version${line#*@VERSION@}" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$template"
