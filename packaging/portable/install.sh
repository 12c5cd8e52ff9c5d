#!/bin/sh
# install.sh - puts wlbproxy into /opt/wlbproxy and makes a service of it, by systemd or by rc
# files. It needs nothing of the system but a shell. Over an older one it is an upgrade that
# closes no connection. Nothing is started, and stunnel is left as it is: what it prints at
# the end says how to change over, and back.
set -eu
cd "$(dirname "$0")"
prefix=/opt/wlbproxy

[ "$(id -u)" = 0 ] || {
	echo "install.sh: this needs root" >&2
	exit 1
}

# The running program finds the new files under its own path.
rm -rf "$prefix.new" "$prefix.old"
mkdir -p /opt "$prefix.new"
cp -R ./* "$prefix.new/"
[ ! -e "$prefix" ] || mv "$prefix" "$prefix.old"
mv "$prefix.new" "$prefix"
mkdir -p /usr/sbin
ln -sf "$prefix/wlbproxy" /usr/sbin/wlbproxy

if ! grep -q '^wlbproxy:' /etc/passwd 2>/dev/null; then
	useradd -r -M -d / -s /sbin/nologin wlbproxy 2>/dev/null ||
		adduser -S -D -H -h / -s /sbin/nologin wlbproxy 2>/dev/null ||
		echo "install.sh: no account wlbproxy could be made; the workers will run as nobody"
fi
mkdir -p /etc/wlbproxy /var/log/wlbproxy
[ -e /etc/wlbproxy/wlbproxy.conf ] || cp "$prefix/wlbproxy.conf" /etc/wlbproxy/wlbproxy.conf

if [ -d /run/systemd/system ]; then
	cp "$prefix/wlbproxy.service" /etc/systemd/system/wlbproxy.service
	systemctl daemon-reload
	systemctl enable wlbproxy.service
	start="systemctl start wlbproxy" stop="systemctl stop wlbproxy"
else
	folder=/etc/init.d
	[ ! -d /etc/rc.d/init.d ] || folder=/etc/rc.d/init.d
	mkdir -p "$folder"
	cp "$prefix/wlbproxy.rc" "$folder/wlbproxy"
	chmod 755 "$folder/wlbproxy"
	if command -v chkconfig >/dev/null; then
		chkconfig --add wlbproxy
	else
		for level in 2 3 5; do
			links=$(dirname "$folder")/rc$level.d
			[ ! -d "$links" ] || ln -sf "$folder/wlbproxy" "$links/S85wlbproxy"
		done
	fi
	start="$folder/wlbproxy start" stop="$folder/wlbproxy stop"
fi

if wlbproxy status >/dev/null 2>&1; then
	wlbproxy reload
	rm -rf "$prefix.old"
	exit
fi
rm -rf "$prefix.old"
cat <<END
wlbproxy is installed in $prefix; its configuration is /etc/wlbproxy/wlbproxy.conf.

  judge it       wlbproxy check
  change over    wlbproxy migrate --takeover /etc/stunnel/stunnel.conf
  or by hand     killall stunnel; $start
  change back    wlbproxy migrate --undo, or $stop; stunnel

Take the line that starts stunnel out of the rc file that has it, or wlbproxy will find its
ports held after the next boot. stunnel and its configuration stay for the way back.
END
