# What a page's script is made of. A line that fails ends all, and says where.
set -eEuo pipefail
place=start
trap 'echo "$place: exit code $? of: $BASH_COMMAND" >&2; cat /run/journal >&2 2>/dev/null || true' ERR
database=/var/lib/pillarbox/mail.db

# A machine that has the source and nothing of ours.
bare() { :; }

# A mail host: the program is installed and serves, and there is mail of old to take over.
host() {
    scripts/install.sh /usr
    systemd-sysusers /usr/lib/sysusers.d/pillarbox.conf
    certificate
    install -d -o pillarbox -g pillarbox -m 0700 /var/lib/pillarbox
    sudo -u pillarbox pillarbox init
    demo $database
    sudo -u pillarbox sqlite3 $database <<'SQL'
UPDATE settings SET value = '127.0.0.1:110' WHERE name = 'UnencryptedOrTLSBindings';
UPDATE settings SET value = '127.0.0.1:995' WHERE name = 'SSLBindings';
UPDATE settings SET value = 'example.org' WHERE name = 'Domains';
UPDATE settings SET value = '/etc/mail.pem' WHERE name = 'CertificateFile';
UPDATE settings SET value = '/etc/mail.key' WHERE name = 'PrivateKeyFile';
SQL
    systemctl start pillarbox
    old_server
    # What the page's own programs have brought with them.
    mkdir -p /etc/postfix /etc/exim4 /etc/letsencrypt/live/mail.example.org /etc/letsencrypt/renewal-hooks/deploy
    cp /etc/mail.pem /etc/letsencrypt/live/mail.example.org/fullchain.pem
    cp /etc/mail.key /etc/letsencrypt/live/mail.example.org/privkey.pem
    mkdir -p /home/alice/Maildir/{cur,new,tmp} /var/mail
    printf 'Subject: old\n\nx\n' | tee /home/alice/Maildir/cur/1.M1P1.old:2,S >message.eml
    printf 'From eve@example.org Mon Nov 23 10:00:00 2026\nSubject: mbox\n\nx\n' >/var/mail/alice
    mkdir directory-of-eml-files
    printf 'Subject: directory\n\nx\n' >directory-of-eml-files/1.eml
    echo 'alice,/var/mail/alice' >mailboxes.csv
    echo 'correct horse' >passwords
    echo 'old-1' >alice.uidl
    printf '%s\n' name,password dora,secret >users.csv
    sqlite3 $database .dump >mail.sql
}

# The server that people leave: old.example.
old_server() {
    mkdir -m 700 /srv/old
    pillarbox init -d /srv/old/mail.db
    echo 'password of the old account' | pillarbox passwd -d /srv/old/mail.db --create alice
    printf 'Subject: on the old server\n\nx\n' >/srv/old/1.eml
    echo 'of-old-1' >/srv/old/ids
    pillarbox import -d /srv/old/mail.db -u alice --uidl /srv/old/ids /srv/old/1.eml
    other_terminal pillarbox serve -d /srv/old/mail.db -s 127.0.0.2:995 --set CertificateFile=/etc/mail.pem --set PrivateKeyFile=/etc/mail.key
    other=
}

# The same before the page makes alice.
host_without_alice() {
    host
    sqlite3 -cmd '.timeout 5000' $database "DELETE FROM users WHERE name = 'alice'" "DELETE FROM deleted_mailboxes"
}

# demo DATABASE: two users, mail of alice's, some of it deleted.
demo() {
    local number owner
    owner=$(stat -c %U "$1")
    sqlite3 -cmd '.timeout 5000' "$1" \
        "INSERT INTO users(name, password) VALUES ('alice', 'correct horse'), ('bob', 'correct horse')"
    for number in $(seq 20); do
        printf 'From: eve@example.org\nSubject: %s\n\nx\n' "$number" | sudo -u "$owner" pillarbox deliver -d "$1" alice
    done
    sqlite3 -cmd '.timeout 5000' "$1" "DELETE FROM messages WHERE mailbox = 'alice' AND uid > 18"
}

# A pair for the hosts of the pages, which this system trusts.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=mail.example.org \
        -addext subjectAltName=DNS:mail.example.org,DNS:old.example,DNS:pop.example.net \
        -keyout /etc/mail.key -out /etc/mail.pem 2>/dev/null
    chown pillarbox: /etc/mail.key
    cat /etc/mail.pem >>/etc/ssl/certs/ca-certificates.crt
}

# other_terminal COMMAND...: a server that is left to run; the page goes on when it is ready. One before it has been ended.
other=
other_terminal() {
    [ -z "$other" ] || { kill "$other"; while kill -0 "$other" 2>/dev/null; do sleep 0.1; done; }
    "$@" >/run/terminal 2>&1 &
    other=$!
    for _ in $(seq 600); do
        ! grep -qx ready /run/terminal || return 0
        kill -0 "$other" 2>/dev/null || break
        sleep 0.1
    done
    cat /run/terminal >&2
    return 1
}

# fresh FILE: a demo database as the statements of this file expect it.
fresh() {
    if [ ! -e /demo/mail.db ]; then
        mkdir /demo
        pillarbox init -d /demo/mail.db
        demo /demo/mail.db
    fi
    rm -f /demo/page.db*
    cp /demo/mail.db /demo/page.db
    if grep -q "^INSERT INTO users(name, password) VALUES ('alice', '[^']*');" "$1"; then
        sqlite3 /demo/page.db "DELETE FROM users WHERE name = 'alice'" "DELETE FROM deleted_mailboxes"
    elif grep -q deleted_mailboxes "$1"; then
        sqlite3 /demo/page.db "DELETE FROM users WHERE name = 'alice'"
    fi
    echo /demo/page.db
}

# paste_sql PLACE FILE DATABASE: each statement in the shell, as it stands; what has RETURNING must find something.
paste_sql() {
    local db=$3 line statement='' answer
    place=$1
    while IFS= read -r line; do
        statement+=$line$'\n'
        [[ $line =~ \;[[:space:]]*(--.*)?$ ]] || continue
        answer=$(sqlite3 -batch -cmd '.timeout 5000' "$db" "$statement" 2>&1) || { echo "$place: $statement$answer" >&2; return 1; }
        [[ $statement != *' RETURNING '* || -n $answer ]] || { echo "$place: changes nothing: $statement" >&2; return 1; }
        statement=
    done <"$2"
    # What a running server is told acts within two seconds.
    [ "$db" != $database ] || sleep 2
    [ -z "${statement//[[:space:]]/}" ] || { echo "$place: no end of: $statement" >&2; return 1; }
}

# paste_console PLACE FILE: a session. Behind "$ " is what starts it; lines that are commands of POP3 are typed, one after
# another; all others are what it answers, and "…" stands for any.
paste_console() {
    local command typed answers line got
    place=$1
    command=$(sed -n 's/^\$ //p' "$2")
    typed='^(USER|PASS|CAPA|STAT|LIST|UIDL|RETR|QUIT)( |$)'
    sed '/^\$ /d' "$2" | grep -vE "$typed" >/run/expected
    got=$(sed '/^\$ /d' "$2" | grep -E "$typed" | { while IFS= read -r line; do sleep 0.5; echo "$line"; done; grep -q QUIT "$2" || echo QUIT; sleep 1; } |
        timeout 60 bash -c "$command" 2>/run/session.err | tr -d '\r')
    answers=$(</run/expected)
    # The pattern of what is shown: only "…" is more than itself.
    answers=${answers//\\/\\\\}; answers=${answers//\[/\\[}; answers=${answers//\*/\\*}; answers=${answers//\?/\\?}
    [[ $got == ${answers//…/*}* ]] || { echo "$place: shown and got:" >&2; cat /run/expected - /run/session.err >&2 <<<"$got"; return 1; }
}
