#!/bin/sh
# uninstall.sh - ends wlbproxy and removes what install.sh put in place. The configuration,
# the logs and the certificates stay.
set -eu
[ "$(id -u)" = 0 ] || {
	echo "uninstall.sh: this needs root" >&2
	exit 1
}
if [ -e /etc/systemd/system/wlbproxy.service ]; then
	systemctl disable wlbproxy.service || true
	systemctl stop wlbproxy.service || true
	rm -f /etc/systemd/system/wlbproxy.service
	systemctl daemon-reload || true
fi
for folder in /etc/rc.d/init.d /etc/init.d; do
	[ -e "$folder/wlbproxy" ] || continue
	"$folder/wlbproxy" stop
	! command -v chkconfig >/dev/null || chkconfig --del wlbproxy
	rm -f "$folder/wlbproxy" "$(dirname "$folder")"/rc?.d/S85wlbproxy
done
rm -f /usr/sbin/wlbproxy
rm -rf /opt/wlbproxy
echo "wlbproxy is removed; /etc/wlbproxy and the certificates stay. The way back: stunnel"
