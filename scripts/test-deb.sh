#!/bin/bash
# Installs, starts, upgrades, removes and purges the package in a fresh Debian 12 of its own (debootstrap), with systemd where
# it can be process 1 of a namespace, else without an init; looks at what each step leaves. Needs root and debootstrap.
# PILLARBOX names another program than that of the release build, DEBIAN_MIRROR another mirror.
#
# All mounts and processes are in namespaces of their own and end with them; the network has only a loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "test-deb: $1" >&2
    exit 1
}

# boot ROOT: becomes systemd there. Runs as the first process of new namespaces.
boot() {
    cd "$1"
    mount --make-rprivate /
    mount --bind . .
    cd "$1"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs -o mode=0755 tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs -o mode=0755 tmpfs dev
    for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    mkdir -p dev/pts dev/shm .old
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
    else
        mount -t tmpfs tmpfs sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd
    fi
    pivot_root . .old
    umount -l .old
    # As systemd finds it outside of containers: credentials are mounted through that.
    mount --make-rshared /
    exec env -i container=pillarbox PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}" </dev/null
}

if [ "${1:-}" = boot ]; then
    shift
    boot "$@"
fi

[ "$(id -u)" -eq 0 ] || fail "this makes a system of its own, which needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
target=${CARGO_TARGET_DIR:-target}
architecture=$(dpkg --print-architecture)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
place=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-deb.XXXXXX")
machine=
trap '[ -z "$machine" ] || { kill -KILL "$machine"; wait "$machine"; } 2>/dev/null || true; rm -rf --one-file-system "$place"' EXIT
root=$place/root

VERSION=0.0.1 DPKG_DEB_COMPRESSOR_TYPE=none scripts/deb.sh >/dev/null
mv "$target/pillarbox_0.0.1_$architecture.deb" "$place/old.deb"
scripts/deb.sh >/dev/null
debootstrap --variant=minbase --include=dbus,libssl3,openssl,sqlite3,systemd,systemd-sysv bookworm "$root" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$place/log" || { cat "$place/log" >&2; fail "debootstrap failed"; }
mkdir "$root/packages"
mv "$place/old.deb" "$root/packages/"
cp "$target/pillarbox_${version}_$architecture.deb" "$root/packages/new.deb"

# start COMMAND...: the machine, with this as its first process.
start() {
    unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child -- "$0" boot "$root" "$@" >"$place/console" 2>&1 &
    machine=$!
    for _ in $(seq 50); do
        first=$(cat "/proc/$machine/task/$machine/children" 2>/dev/null || true)
        first=${first%% *}
        [ -z "$first" ] || [ ! -e "/proc/$first/root/packages" ] || [ -e "/proc/$first/root/.old/proc" ] || return 0
        sleep 0.1
    done
    return 1
}

# within COMMAND...: runs it in the machine.
within() {
    nsenter --target "$first" --mount --pid --net --ipc --uts -- env -i DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# As the server's user.
as() {
    within setpriv --reuid pillarbox --regid pillarbox --init-groups "$@"
}

install() {
    within apt-get install -qq -y --no-install-recommends "/packages/$1.deb" >"$place/log" 2>&1 || fail "$(cat "$place/log")"
}

# greets PORT: somebody there speaks POP3.
greets() {
    within bash -c "exec 3<>/dev/tcp/127.0.0.1/$1; read -r -t 20 line <&3; echo QUIT >&3; [[ \$line == +OK* ]]" || fail "no POP3 on port $1"
}

main_process() {
    within systemctl show --property MainPID --value pillarbox
}

start /sbin/init || fail "the machine does not start: $(cat "$place/console")"
init=
for _ in $(seq 120); do
    state=$(within systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) init=systemd; break ;; esac
    kill -0 "$machine" 2>/dev/null || break
    sleep 0.5
done
if [ -z "$init" ]; then
    echo "test-deb: systemd does not run here (${state:-no answer}); going on without an init"
    kill -KILL "$machine" 2>/dev/null && wait "$machine" 2>/dev/null || true
    start sleep infinity || fail "the machine does not start: $(cat "$place/console")"
fi
within ip link set lo up 2>/dev/null || nsenter --target "$first" --net ip link set lo up

install old
grep -q 'systemctl enable --now pillarbox[[:space:]]*$' "$place/log" || fail "installing does not say how to start it: $(cat "$place/log")"
[ "$(within stat -c '%U %a' /var/lib/pillarbox /var/lib/pillarbox/mail.db | tr '\n' ' ')" = "pillarbox 700 pillarbox 600 " ] ||
    fail "directory and database are not the user's: $(within stat -c '%U %a %n' /var/lib/pillarbox /var/lib/pillarbox/mail.db)"
echo secret | as pillarbox passwd --create alice
printf 'Subject: kept\n\nx\n' | as pillarbox deliver alice
for file in man/man1/pillarbox.1.gz man/man5/pillarbox-{settings,sql}.5.gz bash-completion/completions/pillarbox doc/pillarbox/docs/mta.md; do
    # dpkg of a minimal system may be told to leave out documentation.
    within dpkg -L pillarbox | grep -qx "/usr/share/$file" || fail "$file is missing"
done
within dpkg --verify pillarbox

if [ -n "$init" ]; then
    [ "$(within systemctl is-active pillarbox)" = inactive ] || fail "installing starts the server"
    within systemctl enable --quiet --now pillarbox-lmtp.socket pillarbox || fail "$(within journalctl --no-pager -u pillarbox)"
    greets 110
    [ "$(within stat -c '%G %a' /run/pillarbox-lmtp)" = "pillarbox 660" ] || fail "the LMTP socket is not the group's"
    first_process=$(main_process)
    within grep -qx 'CapEff:.0*' "/proc/$first_process/status" || fail "the server has capabilities"
    within systemctl reload pillarbox || fail "$(within journalctl --no-pager -u pillarbox)"
    # Credentials as docs/tls.md has them, with a certificate that the server's user may not read.
    within bash -c 'umask 077; mkdir -p /etc/letsencrypt/live/mail.example.org; cd /etc/letsencrypt/live/mail.example.org
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mail.example.org -keyout privkey.pem -out fullchain.pem' 2>/dev/null
    within bash -euc "$(awk '/LoadCredential=/ { wanted = 1 } { text = text $0 "\n" } /^```/ { if (wanted) { printf "%s", text; exit } text = "" }' docs/tls.md |
        sed '/^```/d; s/^sudo //')" >/dev/null || fail "$(within journalctl --no-pager -u pillarbox)"
    within openssl s_client -connect 127.0.0.1:995 </dev/null 2>/dev/null | grep -q 'subject=CN = mail.example.org' || fail "the credentials are not served"
    first_process=$(main_process)
else
    within bash -c 'exec setpriv --reuid pillarbox --regid pillarbox --init-groups pillarbox serve -l 127.0.0.1:1110 >/tmp/served 2>&1 & echo $! >/tmp/server'
    for _ in $(seq 300); do ! within grep -qx ready /tmp/served || break; sleep 0.1; done
    greets 1110
    within bash -c 'kill "$(cat /tmp/server)"; while kill -0 "$(cat /tmp/server)"; do sleep 0.1; done' 2>/dev/null
fi

install new
! grep -q 'not started' "$place/log" || fail "an upgrade speaks as a first installation does"
if [ -n "$init" ]; then
    [ "$(main_process)" != "$first_process" ] || fail "an upgrade does not restart the server"
    greets 110
fi
for step in remove purge; do
    within apt-get "$step" -qq -y pillarbox >"$place/log" 2>&1 || fail "$(cat "$place/log")"
    [ ! -e "$root/usr/bin/pillarbox" ] || fail "$step leaves the program"
    [ -e "$root/var/lib/pillarbox/mail.db" ] || fail "$step deletes the mail"
    [ -z "$init" ] || ! within systemctl --quiet is-active pillarbox || fail "$step leaves the server running"
done
[ ! -e "$root/etc/fail2ban/jail.d/pillarbox.local" ] || fail "purge leaves the jail"
install new
[ "$(as pillarbox check >/dev/null && within sqlite3 /var/lib/pillarbox/mail.db 'SELECT count(*) FROM messages')" = 1 ] || fail "the mail is gone"
echo "test-deb: installed, served (${init:-no init}), upgraded, removed, purged; the mail is there"
