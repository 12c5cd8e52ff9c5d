#!/bin/sh
# manual.sh PROGRAM TEMPLATE: the manual page, with the program's own table of options.
set -eu
program=$1
template=$2
"$program" options --man |
	sed -e '/^@OPTIONS@$/{r /dev/stdin' -e 'd;}' "$template"
