#!/bin/bash
# picture.sh FILE.svg: draws a first session as it happens: a database, a user, a message, a server, and a client that fetches it.
# Only the ports are others than in the picture. PILLARBOX names another program than that of the release build.
set -euo pipefail
cd "$(dirname "$0")/.."

picture=$(realpath -m "${1:?picture.sh FILE.svg}")
pillarbox=$(realpath "${PILLARBOX:-${CARGO_TARGET_DIR:-target}/release/pillarbox}")
directory=$(mktemp -d)
server=
# The server writes its last into the directory.
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$directory"' EXIT
mkdir "$directory/bin"
ln -s "$pillarbox" "$directory/bin/pillarbox"
export PATH=$directory/bin:$PATH PILLARBOX_DB=mail.db RUST_LOG=error
cd "$directory"

# What is typed begins with ">", what is answered with "<".
typed() { printf '>%s\n' "$1" >>session; }
answered() { printf '<%s\n' "$1" >>session; }

# run COMMAND: as a shell does.
run() {
    local line
    typed "\$ $1"
    bash -euo pipefail -c "$1" >answer
    while IFS= read -r line; do answered "$line"; done <answer
}

run 'pillarbox init'
run "sqlite3 mail.db \"INSERT INTO users(name, password) VALUES ('alice', 'correct horse')\""
run "printf 'From: bob@example.org\\nSubject: Hello\\n\\nHello, Alice.\\n' | pillarbox deliver -f bob@example.org alice"

typed "\$ pillarbox serve -l 127.0.0.1:1110 -s 127.0.0.1:1995 &"
pillarbox serve -l 127.0.0.1:0 -s 127.0.0.1:0 >served &
server=$!
until grep -qx ready served; do
    kill -0 "$server"
    sleep 0.1
done
answered 'pop3 127.0.0.1:1110'
answered 'pop3s 127.0.0.1:1995'
answered ready

typed "\$ openssl s_client -quiet -crlf -connect 127.0.0.1:1995 2>/dev/null"
coproc client { exec openssl s_client -quiet -crlf -connect "$(sed -n 's/^pop3s //p' served)" 2>/dev/null; }

# listen [all]: a line of the server's, or a whole list.
listen() {
    local line
    while IFS= read -r -t 30 line <&"${client[0]}"; do
        line=${line%$'\r'}
        answered "$line"
        [ "${1:-}" = all ] && [ "$line" != . ] || return 0
    done
    echo "picture: the server does not answer" >&2
    return 1
}

listen
for command in 'USER alice' 'PASS correct horse' LIST 'RETR 1' 'DELE 1' QUIT; do
    typed "$command"
    echo "$command" >&"${client[1]}"
    case $command in LIST | RETR*) listen all ;; *) listen ;; esac
done

awk '
    { class[NR] = substr($0, 1, 1) == ">" ? "typed" : "answered"; text[NR] = substr($0, 2); if (length($0) > widest) widest = length($0) }
    END {
        width = widest * 8.4 + 32; height = NR * 20 + 32
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", width, height, width, height
        print "<title>A first session: a database, a user, a message, and a client that fetches it</title>"
        print "<style>"
        print "rect { fill: #f6f8fa } text { font: 14px ui-monospace, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; white-space: pre }"
        print ".typed { fill: #0550ae; font-weight: bold } .answered { fill: #24292f }"
        print "@media (prefers-color-scheme: dark) { rect { fill: #161b22 } .typed { fill: #79c0ff } .answered { fill: #e6edf3 } }"
        print "</style>"
        printf "<rect width=\"%d\" height=\"%d\" rx=\"8\"/>\n", width, height
        for (i = 1; i <= NR; i++) {
            line = text[i]
            gsub(/&/, "\\&amp;", line); gsub(/</, "\\&lt;", line); gsub(/>/, "\\&gt;", line)
            printf "<text class=\"%s\" x=\"16\" y=\"%d\">%s</text>\n", class[i], i * 20 + 10, line
        }
        print "</svg>"
    }' session >"$picture"
