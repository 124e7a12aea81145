# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For recipes: a small ssh server (dropbear) in a guest's initrd, and the build host's way in. Sourced, not run; needs debs.sh and
# programs.sh. Keys are made once and lie in OUTDIR/.ssh, whose name keeps them off the medium: a key of the build host's for
# root of the guests (SSH_KEY=FILE.pub takes one that is there), one of the guests', a file for ssh -F.
ssh_packages="dropbear-bin libcrypt1 libtomcrypt1 libtommath1 libgmp10 zlib1g"

# ssh_keys OUTDIR: make what is not there; prints what the initrd depends on.
ssh_keys() {
	local dir=$1/.ssh key
	mkdir -p "$dir"
	for key in user guest; do
		[ -s "$dir/$key" ] || ssh-keygen -q -t ed25519 -N '' -C "bulkhead $key" -f "$dir/$key"
	done
	cat "$dir/guest.pub" "${SSH_KEY:-$dir/user.pub}"
}

# ssh_root ROOT OUTDIR: the server and its keys for an initrd. The guests' /init starts bin/sshd.
ssh_root() {
	local root=$1 dir=$2/.ssh work
	# shellcheck disable=SC2086
	programs "$root" "$ssh_packages" usr/sbin/dropbear
	mkdir -p "$root/etc/dropbear" "$root/.ssh"
	# dropbear has a format of its own for keys; its converter is in the package.
	work=$(mktemp -d)
	programs "$work" "$ssh_packages" usr/bin/dropbearconvert
	"$work/lib64/ld-linux-x86-64.so.2" --library-path "$work/lib/x86_64-linux-gnu" "$work/bin/dropbearconvert" \
		openssh dropbear "$dir/guest" "$root/etc/dropbear/key" 2>/dev/null
	rm -rf "$work"
	cp "${SSH_KEY:-$dir/user.pub}" "$root/.ssh/authorized_keys"
	printf '#!/bin/sh\n# No passwords: whoever has the key.\nexec dropbear -s -r /etc/dropbear/key -P /tmp/sshd.pid 2>/dev/null\n' >"$root/bin/sshd"
	chmod 755 "$root/bin/sshd"
	chmod 700 "$root/.ssh"
	chmod 600 "$root/.ssh/authorized_keys" "$root/etc/dropbear/key"
}

# ssh_config OUTDIR: for ssh -F, from the plan's forwards to port 22: a name for each guest, its host key known.
ssh_config() {
	local dir=$1/.ssh port guest to
	printf 'bulkhead-guest %s\n' "$(cat "$dir/guest.pub")" >"$dir/known_hosts"
	{
		while IFS=: read -r port guest to; do
			[ "$to" = 22 ] || continue
			printf 'Host %s\n\tHostName 127.0.0.1\n\tPort %s\n' "$guest" "$port"
		done < <(sed -nE 's/^forward *= *\[(.*)\].*/\1/p' "$1/bulkhead.toml" | tr -d '" ' | tr ',' '\n')
		printf 'Host *\n\tUser root\n\tHostKeyAlias bulkhead-guest\n\tUserKnownHostsFile %s/known_hosts\n' "$dir"
		[ -n "${SSH_KEY-}" ] || printf '\tIdentityFile %s/user\n\tIdentitiesOnly yes\n' "$dir"
	} >"$dir/config"
}
