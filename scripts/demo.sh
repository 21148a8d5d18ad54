#!/bin/bash
# A fresh demo database in ./demo, each time anew, with one user and three messages, and a server for it on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

pillarbox=${CARGO_TARGET_DIR:-target}/release/pillarbox
db=demo/mail.db
user=demo
password=try-it-out
plain=127.0.0.1:1110
tls=127.0.0.1:1995

for address in $plain $tls; do
    if (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; then
        echo "demo: something is listening on $address already; end it first" >&2
        exit 69
    fi
done

umask 077
mkdir -p demo
rm -f $db $db-wal $db-shm $db.crt $db.key $db.seal
export PILLARBOX_DB=$db
"$pillarbox" init

# As an administrator would: with the sqlite3 shell.
sqlite3 -cmd '.timeout 5000' $db <<SQL
INSERT INTO users(name, password) VALUES ('$user', '$password');
UPDATE settings SET value = '127.0.0.0/8,::1/128' WHERE name = 'TrustedNetworks';
SQL

# header SUBJECT: what all three messages begin with.
header() {
    printf 'From: Pillarbox <postmaster@example.org>\nTo: Demo <demo@example.org>\nSubject: %s\n' "$1"
    printf 'Date: %s\nMessage-ID: <%s.%s@example.org>\nMIME-Version: 1.0\n' "$(LC_ALL=C date -R)" "$RANDOM" "$(date +%s%N)"
}

{
    header 'A plain message'
    printf 'Content-Type: text/plain; charset=us-ascii\n\nHello,\n\nthis message came in through "pillarbox deliver".\n'
} | "$pillarbox" deliver -f postmaster@example.org $user

{
    header 'A message with an attachment'
    printf 'Content-Type: multipart/mixed; boundary="=-demo-="\n\nThis is a message with several parts.\n'
    printf -- '--=-demo-=\nContent-Type: text/plain; charset=us-ascii\n\nThe licence is attached.\n'
    printf -- '--=-demo-=\nContent-Type: text/plain; name="LICENSE.txt"\nContent-Transfer-Encoding: base64\n'
    printf 'Content-Disposition: attachment; filename="LICENSE.txt"\n\n'
    base64 LICENSE
    printf -- '--=-demo-=--\n'
} | "$pillarbox" deliver -f postmaster@example.org $user

{
    header 'Dots and 8-bit text'
    printf 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n'
    printf '.\n..\n.a line that starts with a dot\nGrüße, žluťoučký kůň, 你好\n.\n'
} | "$pillarbox" deliver -f postmaster@example.org $user

# What to type, once the server listens. Ctrl-C goes to this as well; it ends when the server does.
instructions() {
    trap '' INT
    while IFS= read -r line; do
        printf '%s\n' "$line"
        [ "$line" = ready ] || continue
        cat <<TEXT

User $user, password $password, three messages. In another terminal:

    openssl s_client -quiet -crlf -connect $tls
$(if command -v telnet >/dev/null; then echo "    telnet ${plain/:/ }"; fi)

and there:

    USER $user
    PASS $password
    LIST
    RETR 3
    QUIT

openssl's "verify error" is meant: the certificate was made here, just now, and nobody but this server vouches for it.

Administration, from this directory:

    sqlite3 -cmd '.timeout 5000' $db 'SELECT * FROM mailbox_usage'

Ctrl-C ends the server. The demo starts afresh each time: "make run" deletes $db with all mail in it.

TEXT
    done
}

exec "$pillarbox" serve -l $plain -s $tls > >(instructions)
