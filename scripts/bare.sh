#!/bin/bash
# `make test` of what is committed, on a bare Debian 12 with nothing but git, make, ca-certificates and Rust: as root,
# then as a user with sudo.
# bare.sh [root|user]...: only these. Needs root, debootstrap and some 8 GB in ${TMPDIR:-/tmp}.
#
# All mounts are in a namespace of our own and end with it; so do all processes.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

die() {
    echo "bare: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die "this makes a system of its own, which needs root"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
who=("$@")
[ ${#who[@]} -gt 0 ] || who=(root user)

if [ -z "${PILLARBOX_BARE:-}" ]; then
    place=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-bare.XXXXXX")
    # The namespace is gone by then, and every mount with it.
    trap 'rm -rf --one-file-system "$place"' EXIT
    PILLARBOX_BARE=$place unshare --mount --propagation private --pid --fork --kill-child -- "$0" "${who[@]}"
    exit
fi

# The first process of a namespace ignores signals that it does not trap.
trap 'exit 130' INT TERM
place=$PILLARBOX_BARE
root=$place/root
toolchain=$(rustc --print sysroot)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# inside COMMAND...: runs it in the bare system, with an environment of its own. Not by chroot: a process that is in
# one may make no user namespaces.
inside() {
    unshare --mount -- sh -c 'cd "$0" && mkdir -p .old && pivot_root . .old && umount -l .old && exec "$@"' "$root" \
        /usr/bin/env -i PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# timed WHAT COMMAND...: says how long it took, and whether it succeeded.
timed() {
    local what=$1 start=$SECONDS outcome=passed
    shift
    "$@" || outcome=FAILED
    echo "bare: $what: $outcome after $((SECONDS - start)) s"
    [ $outcome = passed ]
}

# make_bare USER: a fresh system with a checkout of USER's.
make_bare() {
    local user=$1 home
    tar -C "$place" -xf "$place/bare.tar"
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=0755 tmpfs "$root/run"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # A proxy between here and the registries may have an authority of its own.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/opt/rust"
    mount --bind -o ro "$toolchain" "$root/opt/rust"
    home=/root
    if [ "$user" != root ]; then
        inside apt-get install -qq -y sudo >/dev/null
        inside useradd --create-home --shell /bin/bash "$user"
        echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
        sed -i 's|secure_path="|&/opt/rust/bin:|' "$root/etc/sudoers"
        home=/home/$user
    fi
    git clone -q --no-local "$here" "$root$home/pillarbox"
    # What cargo would fetch from crates.io.
    mkdir -p "$root$home/.cargo"
    cp -a "${CARGO_HOME:-$HOME/.cargo}/registry" "$root$home/.cargo/"
    inside chown -R "$user:" "$home"
}

drop_bare() {
    umount -R -l "$root"
    rm -rf --one-file-system "$root"
}

# make_test USER: setup and the suite, each with its time.
make_test() {
    local user=$1 home script
    home=$([ "$user" = root ] && echo /root || echo "/home/$user")
    script="cd $home/pillarbox && export HOME=$home USER=$user && exec"
    timed "$user: make setup" inside setpriv --reuid "$user" --regid "$user" --init-groups \
        sh -c "$script scripts/setup.sh test" &&
        timed "$user: make test" inside setpriv --reuid "$user" --regid "$user" --init-groups sh -c "$script make test"
}

debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" "$mirror" >"$place/log" ||
    { cat "$place/log" >&2; die "debootstrap failed"; }
tar -C "$place" -cf "$place/bare.tar" root
rm -rf --one-file-system "$root"

failed=0
for one in "${who[@]}"; do
    case $one in
        root) user=root ;;
        user) user=tester ;;
        *) die "$one? root or user" ;;
    esac
    make_bare "$user"
    make_test "$user" || failed=1
    drop_bare
done
exit "$failed"
