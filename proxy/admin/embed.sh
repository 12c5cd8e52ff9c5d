#!/bin/sh
# embed.sh PAGE: the page as C source, and the hashes of its style and script for its
# Content-Security-Policy.
set -eu
page=$1

# hash TAG: of what stands between the lines <TAG> and </TAG>
hash() {
	{
		echo
		sed -n "/^<$1>\$/,/^<\/$1>\$/p" "$page" | sed '1d;$d'
	} | sha256sum | cut -c 1-64 | sed 's/../& /g' | tr ' ' '\n' | while read -r byte; do
		# shellcheck disable=SC2059  # an octal escape
		[ -z "$byte" ] || printf "\\$(printf %03o "0x$byte")"
	done | base64
}

echo '#include "proxy/admin/page.h"'
echo
echo 'const unsigned char page[] = {'
od -An -v -tx1 "$page" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
echo '};'
echo 'const size_t page_len = sizeof(page);'
echo 'const char page_policy[] ='
echo "    \"default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; \""
echo "    \"form-action 'none'; frame-ancestors 'none'; \""
echo "    \"style-src 'sha256-$(hash style)'; script-src 'sha256-$(hash script)'\";"
