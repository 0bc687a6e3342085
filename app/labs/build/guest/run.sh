#!/bin/sh
# Runs once in the guest that becomes a lab, as root, from the disk that Guesthouse gives it for that (seed.go). It follows the file "plan", says on the
# second serial port what it does, and switches the machine off. At a failure it stops there.
#
#   hello                       the first line
#   begin N                     step N of the plan begins
#   done N STATUS OUTPUT        step N has ended with this exit status; the end of its output in base64
#   end ok | end failed         the last line
set -u
here=/run/guesthouse-build
log=/run/guesthouse-build.log
unit=/etc/systemd/system/guesthouse-build.service
export LC_ALL=C.UTF-8 HOME=/root USER=root LOGNAME=root TERM=dumb DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET
cd /root || cd /

# Without this the terminal would turn what is said into something else and echo what nobody typed.
stty -F /dev/ttyS1 raw -echo 115200
exec 3>/dev/ttyS1
say() { printf '%s\n' "$*" >&3; }

finish() {
	say "end $1"
	sync
	# Forced: no service may write to the disk on its way out. File systems are unmounted all the same.
	systemctl poweroff --force
	exec sleep 3600
}

add_user() { # NAME; the file has the hash, or nothing
	id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1" || return
	if [ -s "$2" ]; then
		printf '%s:%s\n' "$1" "$(cat "$2")" | chpasswd --encrypted || return
	else
		passwd --delete "$1" || return
	fi
	if getent group sudo >/dev/null; then usermod --append --groups sudo "$1"; fi
}

add_file() { # MODE TARGET SOURCE
	mkdir -p "$(dirname "$2")" && install -o root -g root -m "$1" -T "$3" "$2"
}

await_network() {
	wait=/lib/systemd/systemd-networkd-wait-online
	if [ -x $wait ] && systemctl is-active --quiet systemd-networkd; then $wait --any --timeout=60; fi
	return 0
}

# What is this machine's own, old, or can be fetched again must not be in the lab.
clean() {
	rm -f "$unit" /etc/systemd/system/multi-user.target.wants/guesthouse-build.service
	if command -v cloud-init >/dev/null; then
		cloud-init clean --logs
		touch /etc/cloud/cloud-init.disabled
	fi
	if command -v apt-get >/dev/null; then
		apt-get clean
		rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
	fi
	rm -rf /var/cache/dnf/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/lib/systemd/random-seed /var/lib/dhcp/* /var/lib/systemd/timers/*
	: >/etc/machine-id
	if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then rm -f /var/lib/dbus/machine-id; fi
	if [ -e /etc/ssh/sshd_config ]; then
		rm -f /etc/ssh/ssh_host_*
		cat >/etc/systemd/system/ssh-host-keys.service <<-'END'
			[Unit]
			Description=Make this machine's SSH host keys
			Before=ssh.service sshd.service ssh.socket
			ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

			[Service]
			Type=oneshot
			ExecStart=/usr/bin/ssh-keygen -A

			[Install]
			WantedBy=multi-user.target
		END
		systemctl enable ssh-host-keys.service
	fi
	journalctl --relinquish-var 2>/dev/null
	rm -rf /var/log/journal/*
	find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
	find /var/log -type f -exec truncate -s 0 {} +
	find /tmp /var/tmp -xdev -mindepth 1 -delete 2>/dev/null
	rm -f /root/.bash_history /home/*/.bash_history /root/.lesshst
	sync
	fstrim -v / || return
	fstrim -A 2>/dev/null
	return 0
}

say hello
number=0
while IFS=' ' read -r kind file mode argument <&4; do
	case $argument in -) argument= ;; *) argument=$(printf %s "$argument" | base64 -d) ;; esac
	say "begin $number"
	{
		case $kind in
		network) await_network ;;
		user) add_user "$argument" "$here/$file" ;;
		file) add_file "$mode" "$argument" "$here/$file" ;;
		run) /bin/sh -e "$here/$file" ;;
		clean) clean ;;
		*)
			echo "unknown step $kind"
			false
			;;
		esac
	} >"$log" 2>&1 </dev/null 3>&- 4<&-
	status=$?
	say "done $number $status $(tail -c 3000 "$log" | base64 | tr -d '\n')"
	[ $status -eq 0 ] || finish failed
	number=$((number + 1))
done 4<"$here/plan"
finish ok
