#!/bin/bash
# sandbox.sh FOLDER bare|host: runs FOLDER/blocks/page.sh in an overlay of this system. The mounts, the network and the processes
# are those of the namespaces that this was started in, and go with them.
set -euo pipefail
folder=$1
machine=$2
root=$folder/root

mount --make-rprivate /
mount -t tmpfs tmpfs "$folder/layers"
mkdir "$folder/layers/upper" "$folder/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/home" "$root/blocks"
mount -t tmpfs -o mode=0755 tmpfs "$root/home"
mkdir "$root/home/reader"
cp -r "$folder/pillarbox" "$root/home/reader/"
cp -r "$folder/blocks/." "$root/blocks"
cp -r "$folder/programs" "$root/opt/stand-ins"
chmod -R go+rX "$root/home" "$root/opt/stand-ins"

# All hosts of the pages are this one, and whoever is not root may have the ports of mail.
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
printf '%s\n' '127.0.0.1 localhost mail.example.org pop.example.net' '127.0.0.2 old.example' >"$root/etc/hosts"


exec chroot "$root" /usr/bin/env -i HOME=/home/reader LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/opt/stand-ins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -ec "cd /home/reader/pillarbox; . /opt/stand-ins/reader.bash; $machine; . /blocks/page.sh"
