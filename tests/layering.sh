#!/bin/sh
# layering.sh - a folder includes itself and what is left of it, nothing else:
# config < certstore < base < crypto < handshake < net < http < session < process < command < main.c
set -eu
cd "$(dirname "$0")/.."
status=0

complain() {
	[ -z "$2" ] || {
		printf '%s\n%s\n' "$1" "$2"
		status=1
	}
}

# may_include FOLDER [OTHER...]
may_include() {
	folder=$1
	allowed=$(echo "$*" | tr ' ' '|')
	[ -d "$folder" ] || return 0
	complain "$folder may not include these:" "$(grep -rnE '^ *# *include "' --include='*.[ch]' "$folder" |
		grep -vE "include \"($allowed)/[^/]*\"" || true)"
}

# only_in WHAT PATTERN FOLDER...: elsewhere in the product nobody includes or calls it.
only_in() {
	what=$1 pattern=$2
	shift 2
	allowed=$(echo "$*" | tr ' ' '|')
	complain "$what is not for these:" "$(grep -rnE "$pattern" --include='*.[ch]' config certstore proxy |
		grep -vE "^($allowed)" || true)"
}

base="proxy/base certstore config"
may_include config
may_include certstore config
# shellcheck disable=SC2086
{
	may_include proxy/base certstore config
	may_include proxy/crypto $base
	may_include proxy/handshake proxy/crypto $base
	may_include proxy/net proxy/handshake proxy/crypto $base
	may_include proxy/http proxy/net proxy/crypto $base
	may_include proxy/session proxy/http proxy/net proxy/crypto $base
	may_include proxy/process proxy/session proxy/http proxy/net proxy/crypto $base
	may_include proxy/command proxy/process proxy/session proxy/http proxy/net proxy/crypto $base
}
only_in OpenSSL '^ *# *include <openssl/' certstore/ proxy/crypto/ proxy/handshake/ 'proxy/net/tls[a-z_]*\.[ch]:' proxy/command/
only_in libuv '^ *# *include <uv' proxy/net/ proxy/process/
only_in logging '^[^*]*\blog_(error|warning|info|debug|at)\(' proxy/base/log proxy/session/ proxy/process/
exit $status
