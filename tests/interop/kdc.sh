#!/bin/sh
# Starts an MIT Kerberos KDC on loopback, without root: realm TEST.LOCAL, user alice with password
# "secret", services pop, POP and POP3 on localhost, whose keys are in DIR/pop.keytab.
#
#   kdc.sh start DIR    makes and starts it; prints the variables that clients need
#   kdc.sh stop DIR     ends it
#
# Needs krb5-kdc, krb5-admin-server and krb5-user of Debian. Files are made in DIR only.
# KDB_MODULES names the directory of the database module, if it is not the installed one.
set -eu

PATH=$PATH:/usr/sbin:/sbin
REALM=TEST.LOCAL

fail() { echo "kdc.sh: $*" >&2; exit 1; }

[ $# -eq 2 ] || fail "usage: kdc.sh start|stop DIR"
mkdir -p "$2"
DIR=$(cd "$2" && pwd)

if [ "$1" = stop ]; then
    [ -s "$DIR/kdc.pid" ] && kill "$(cat "$DIR/kdc.pid")"
    rm -f "$DIR/kdc.pid"
    exit 0
fi
[ "$1" = start ] || fail "unknown command $1"
for tool in kdb5_util kadmin.local krb5kdc kinit; do
    command -v $tool >/dev/null || fail "$tool is not installed (krb5-kdc, krb5-admin-server, krb5-user)"
done

# A port that was free a moment ago; should somebody take it, krb5kdc says so and we fail.
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

cat >"$DIR/krb5.conf" <<END
[libdefaults]
    default_realm = $REALM
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 0
[realms]
    $REALM = {
        kdc = 127.0.0.1:$PORT
    }
[domain_realm]
    localhost = $REALM
[logging]
    kdc = FILE:$DIR/kdc.log
END
cat >"$DIR/kdc.conf" <<END
[kdcdefaults]
    kdc_listen = 127.0.0.1:$PORT
    kdc_tcp_listen = 127.0.0.1:$PORT
[realms]
    $REALM = {
        database_name = $DIR/principal
        key_stash_file = $DIR/stash
        acl_file = $DIR/kadm5.acl
        supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
    }
END
if [ -n "${KDB_MODULES:-}" ]; then
    printf '[dbmodules]\n    db_module_dir = %s\n' "$KDB_MODULES" >>"$DIR/kdc.conf"
fi
: >"$DIR/kadm5.acl"
export KRB5_CONFIG="$DIR/krb5.conf" KRB5_KDC_PROFILE="$DIR/kdc.conf"

{
    kdb5_util -r $REALM create -s -P master
    kadmin.local -r $REALM -q 'addprinc -pw secret alice'
    for service in pop POP POP3; do
        kadmin.local -r $REALM -q "addprinc -randkey $service/localhost"
        kadmin.local -r $REALM -q "ktadd -k $DIR/pop.keytab $service/localhost"
    done
    krb5kdc -r $REALM -P "$DIR/kdc.pid"
} >"$DIR/setup.log" 2>&1 || fail "see $DIR/setup.log: $(tail -n 1 "$DIR/setup.log")"
printf 'secret\n' | kinit -c "FILE:$DIR/ccache" "alice@$REALM" >"$DIR/kinit.log" 2>&1 || fail "$(tail -n 1 "$DIR/kinit.log")"
printf 'KRB5_CONFIG=%s\nKRB5CCNAME=FILE:%s\n' "$DIR/krb5.conf" "$DIR/ccache"
