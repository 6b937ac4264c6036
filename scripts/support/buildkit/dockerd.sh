#!/bin/sh
# Becomes dockerd in the Debian root. Runs in a mount namespace of its own (unshare --mount), so that nothing it mounts
# is seen outside. Arguments: the Debian root, the daemon's directory, its bridge, the bridge's address.
set -eu
root=$1 directory=$2 bridge=$3 address=$4

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/run/outside" "$root/var/lib/docker"
mount --bind "$directory" "$root/run/outside"
mount --bind "$directory/data" "$root/var/lib/docker"
for file in resolv.conf hosts; do
  [ -e "/etc/$file" ] && touch "$root/etc/$file" && mount --bind "/etc/$file" "$root/etc/$file"
done

# A bridge of its own: docker0 may belong to a docker of the user's.
[ -d "/sys/class/net/$bridge" ] || chroot "$root" ip link add "$bridge" type bridge
chroot "$root" ip address replace "$address" dev "$bridge"
chroot "$root" ip link set "$bridge" up

exec chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  dockerd --config-file /run/outside/daemon.json
