#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Solaris door programs on a Linux kernel: a line on what each step shows, the
# command, and what it prints.  The programs lie next to this script.
PATH=$(dirname "$0"):$PATH
work=$(mktemp -d)
failures=0

step() {
	printf '\n# %s\n' "$*"
}

run() {
	printf '$ %s\n' "$*"
	"$@" || failures=$((failures + 1))
}

# For commands that are there to fail.
refuse() {
	printf '$ %s\n' "$*"
	if "$@"; then
		echo "demo: that should have failed"
		failures=$((failures + 1))
	fi
}

# Runs a server in the background until its door is open. Nobody's child, so that the
# shell has nothing to say when it is killed.
serve() {
	printf '$ %s &\n' "$*"
	server=$("$@" > /dev/null & echo $!)
	sleep 0.5
}

stop() {
	kill "$@" "$server"
	while kill -0 "$server" 2> /dev/null; do
		sleep 0.05
	done
}

mkdir -p /var/run
cat > "$work/hosts" <<'END'
10.0.0.1 gateway
10.0.0.7 printer
10.0.0.9 library
END

step "A server makes a door and attaches it to a name, as on Solaris."
serve namesd "$work/hosts"
run names -i

step "The name has a file type of its own: D, for door."
run ls -l /var/run/names_door

step "A call runs a procedure in the server. The first lookup is slow, the second comes from its cache."
run names printer
run names printer
run names -s

step "What the server does not know, it says so."
refuse names nobody

step "Eight processes call at once; the server's pool of threads grows by itself."
run names -p 8 -c 100 library
printf 'the server now has %s threads\n' "$(sed -n 's/^Threads:[[:space:]]*//p' "/proc/$server/status")"

step "A server can hand a descriptor back: this client reads a file that it never opened."
run names -f

step "The server is killed in the middle of a call: its client is told at once."
printf '$ names gateway &   # and kill %s, the server\n' "$server"
names gateway &
client=$!
sleep 0.1
stop -KILL
wait "$client" && failures=$((failures + 1))

step "The name is still a door, of nobody: clients that call again find out."
refuse names gateway
refuse names -i

step "A new server detaches the old door, attaches its own, and all is well."
serve namesd "$work/hosts"
run names gateway
stop

step "Another classic: a system log. Callers leave a message in a queue, and do not wait for the disk."
serve logd "$work/log"
for who in disk network printer; do
	run logmsg "$who: nothing to complain about"
done
sleep 0.2
run cat "$work/log"
stop

step "Removing a name detaches its door first, and then removes the file."
run rm -f /var/run/names_door /var/run/log_door

rm -rf "$work"
if [ "$failures" -ne 0 ]; then
	printf '\n%s steps did not do what they should\n' "$failures"
	exit 1
fi
printf '\nThat was Solaris doors, in Linux.\n'
