#!/bin/bash
# install.sh PREFIX: puts the program and what belongs to it below PREFIX. DESTDIR goes before every path; PILLARBOX names another
# program than that of the release build.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${1:?install.sh PREFIX}
to=${DESTDIR:-}$prefix
program=${PILLARBOX:-${CARGO_TARGET_DIR:-target}/release/pillarbox}

[ -x "$program" ] || {
    echo "install: there is no $program; make build makes it" >&2
    exit 66
}

# file MODE SOURCE TARGET
file() {
    install -D -m "$1" -T "$2" "$to/$3"
}

file 755 "$program" bin/pillarbox
for unit in packaging/*.service packaging/*.socket; do
    file 644 "$unit" "lib/systemd/system/${unit##*/}"
    sed -i "s|/usr/local/bin/|$prefix/bin/|" "$to/lib/systemd/system/${unit##*/}"
done
file 644 packaging/pillarbox.sysusers lib/sysusers.d/pillarbox.conf
file 644 packaging/pillarbox.tmpfiles lib/tmpfiles.d/pillarbox.conf
file 644 packaging/pillarbox.sysctl lib/sysctl.d/50-pillarbox.conf
for page in 1:pillarbox.1 5:pillarbox-settings.5 5:pillarbox-sql.5; do
    file 644 "packaging/${page#*:}" "share/man/man${page%%:*}/${page#*:}"
    gzip -9nf "$to/share/man/man${page%%:*}/${page#*:}"
done
file 644 packaging/completions/pillarbox.bash share/bash-completion/completions/pillarbox
file 644 packaging/completions/_pillarbox share/zsh/vendor-completions/_pillarbox
file 644 packaging/completions/pillarbox.fish share/fish/vendor_completions.d/pillarbox.fish
for page in README.md CHANGELOG.md docs/*.md docs/*.svg docs/*/*.md; do
    file 644 "$page" "share/doc/pillarbox/$page"
done
file 644 LICENSE share/doc/pillarbox/copyright
file 644 packaging/fail2ban.local share/doc/pillarbox/packaging/fail2ban.local
