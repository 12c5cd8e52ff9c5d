#!/bin/sh
# layering.sh - a folder includes itself and what its line here names, exactly: what is
# not named fails, and so does a name that no file of the folder uses.
set -eu
cd "$(dirname "$0")/.."
status=0

complain() {
	[ -z "$2" ] || {
		printf '%s\n%s\n' "$1" "$2"
		status=1
	}
}

includes() { # FOLDER: the folders its own files include, itself left out
	find "$1" -maxdepth 1 -name '*.[ch]' -exec grep -hE '^ *# *include "' {} + |
		sed -E 's#.*include "(.*)/[^/"]*".*#\1#' | sort -u | grep -vx "$1" || true
}

# uses FOLDER [OTHER...]
uses() {
	folder=$1
	shift
	[ -d "$folder" ] || return 0
	used=$(includes "$folder")
	complain "$folder may not include:" \
		"$(printf '%s\n' "$used" | grep -vxE "$(echo "$*" | tr ' ' '|')" | grep . || true)"
	for other in "$@"; do
		printf '%s\n' "$used" | grep -qx "$other" ||
			complain "$folder is allowed what it does not use:" "$other"
	done
}

# only_in WHAT PATTERN FOLDER...: elsewhere in the product nobody includes or calls it.
only_in() {
	what=$1 pattern=$2
	shift 2
	allowed=$(echo "$*" | tr ' ' '|')
	complain "$what is not for these:" "$(grep -rnE "$pattern" --include='*.[ch]' config certstore proxy |
		grep -vE "^($allowed)" || true)"
}

# Low to high.
uses proxy/base
uses config proxy/base
uses certstore config proxy/base
uses certstore/read certstore config proxy/base
uses certstore/judge certstore certstore/read config proxy/base
uses certstore/install certstore certstore/judge certstore/read config proxy/base
uses proxy/crypto proxy/base
uses proxy/tls/native certstore proxy/base proxy/crypto proxy/tls
uses proxy/tls certstore proxy/base proxy/crypto
uses proxy/net proxy/base proxy/crypto proxy/tls
uses proxy/http proxy/base
uses proxy/session config proxy/base proxy/http proxy/net proxy/tls
uses proxy/ipc config proxy/base
uses proxy/control proxy/base proxy/ipc
uses proxy/signer certstore certstore/read config proxy/base proxy/crypto proxy/ipc
uses proxy/admin config proxy/base proxy/http proxy/ipc
uses proxy/worker certstore config proxy/base proxy/crypto proxy/ipc proxy/net proxy/session
uses proxy/master certstore certstore/install certstore/judge config proxy/base proxy/control proxy/ipc
uses proxy/command certstore certstore/install certstore/judge certstore/read config proxy/base proxy/command/takeover proxy/control proxy/crypto proxy/ipc proxy/master
uses proxy/command/takeover certstore/install config proxy/base proxy/command proxy/command/cert proxy/master
uses proxy/command/cert certstore certstore/install certstore/judge certstore/read config proxy/base proxy/command proxy/master

only_in OpenSSL '^ *# *include <openssl/' certstore/ proxy/crypto/ proxy/tls/ proxy/signer/ proxy/command/
only_in libuv '^ *# *include <uv' proxy/net/ proxy/master/ proxy/worker/ proxy/signer/ proxy/control/
only_in logging '^[^*]*\blog_(error|warning|info|debug|at)\(' proxy/base/ proxy/session/ proxy/master/ proxy/worker/ proxy/ipc/ proxy/control/ proxy/signer/
exit $status
