#!/bin/bash
# sandbox.sh FOLDER bare|host: runs FOLDER/blocks/page.sh in an overlay of this system. The mounts, the network and the processes
# are those of the namespaces that this was started in, and go with them.
set -euo pipefail
directory=$1
machine=$2
root=$directory/root

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$root"
layers=$root/.layers
options=
# In a user namespace marks on directories need a file system that has "user." attributes.
[ "$(stat -c %u /etc)" -eq 0 ] || { layers=$directory/layers; options=,userxattr; }
upper=$layers/upper
mkdir -p "$layers"/{upper,work}/{etc,usr,var} "$root"/{etc,usr,var,dev,proc,run,tmp,blocks,opt,srv,home/reader}
cp -a /bin /sbin /lib* "$root/"
# Root of a user namespace may write only into what is his: directories that he makes, and files that he copies, lie over the system's.
if [ -n "$options" ]; then
    (cd / && find etc usr var -xdev -type d -print0 2>/dev/null || true) | (cd "$upper" && xargs -0 mkdir -p)
    for place in etc var/lib/dpkg var/lib/apt var/cache var/log; do
        # What others may not read, locks above all, is empty here.
        (cd / && find "$place" -type f ! -readable -print0 2>/dev/null || true) | (cd "$upper" && xargs -0r touch)
        cp -r --no-clobber "/$place/." "$upper/$place/" 2>/dev/null || true
    done
    sed 's/^\([^:]*\):.*/\1:*:::::::/' /etc/passwd >"$upper/etc/shadow"
    sed 's/^\([^:]*\):.*/\1:*::/' /etc/group >"$upper/etc/gshadow"
fi
for place in etc usr var; do
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$upper/$place,workdir=$layers/work/$place$options" "$root/$place"
done
mount -t tmpfs -o mode=0755 tmpfs "$root/var/cache/apt/archives"
mkdir "$root/var/cache/apt/archives/partial"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
chmod 1777 "$root/tmp"
cp -r "$directory/pillarbox" "$root/home/reader/"
cp -r "$directory/blocks/." "$root/blocks"
cp -r "$directory/programs" "$root/opt/stand-ins"

# All hosts of the pages are this one, and whoever is not root may have the ports of mail.
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
printf '%s\n' '127.0.0.1 localhost mail.example.org pop.example.net' '127.0.0.2 old.example' >"$root/etc/hosts"


exec chroot "$root" /usr/bin/env -i HOME=/home/reader LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive DPKG_DEB_COMPRESSOR_TYPE=none \
    PATH=/opt/stand-ins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -ec "cd /home/reader/pillarbox; . /opt/stand-ins/reader.bash; $machine; . /blocks/page.sh"
