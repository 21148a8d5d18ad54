#!/bin/bash
# Checks the arrows of docs/architecture.md: every room knows only rooms below it, and a few know less. Prints each offence
# as FILE:LINE.
# Comments and tests do not count.
set -euo pipefail
cd "$(dirname "$0")/.."

offences=$(mktemp)
read=$(mktemp) # all code, once
trap 'rm -f "$offences" "$read"' EXIT

# code FILE...: their lines as FILE:LINE:text, without comments and without the tests at their ends.
code() {
    awk '
        FNR == 1 { test = 0; ended = 0 }
        ended { next }
        /^ *#\[cfg\(test\)\]/ { test = 1; next }
        test && /^ *(pub(\([a-z]*\))? )?mod [a-z_0-9]+;/ { test = 0; next }
        test && /^mod / { ended = 1; next }
        { test = 0; line = $0; sub(/(^|[^:"])\/\/.*/, "", line); print FILENAME ":" FNR ":" line }
    ' "$@"
}

# forbid WHAT PATTERN FILE...: no line of these files may match.
forbid() {
    local what=$1 pattern=$2
    shift 2
    awk -F: 'NR == FNR { wanted[$0]; next } $1 in wanted' <(printf '%s\n' "$@") "$read" |
        grep -E "$pattern" | sed "s|^|$what: |" >>"$offences" || true
}

# sources DIR|FILE...: the Rust files there.
sources() {
    find "$@" -name '*.rs' 2>/dev/null | LC_ALL=C sort
}

# except PATTERN: the paths of stdin that do not match.
except() {
    grep -Ev "$1" || true
}

mapfile -t all < <(sources src | except '/tests\.rs$|/tests/|/documentation\.rs$')
code "${all[@]}" >"$read"
mapfile -t core < <(sources src/pop3 src/lmtp src/sasl src/settings src/message src/report src/watch/{warnings,status,postmaster}.rs | except '^src/(pop3|lmtp)/conn|^src/sasl/(gssapi|context)') # context: the clock that a driver may replace
mapfile -t store < <(sources src/store)

# Every room, from the top down. What decides in pop3 and lmtp lies below what drives it.
house=(cli server pop3::conn lmtp::conn reaper watch import shared pop3 lmtp auth protocol_log report http sasl exit store settings
    net generated clock message files metrics complaints lock hmac secret)
above=
for room in "${house[@]}"; do
    mapfile -t inside < <(sources "src/${room//::/\/}" "src/${room//::/\/}.rs" | except "^src/$room/conn")
    [ -z "$above" ] || forbid "$room knows a room above it" "crate::($above)\\b" "${inside[@]}"
    above=${above:+$above|}$room
done
for path in src/*; do
    room=$(basename "$path" .rs)
    case " ${house[*]} main lib " in
    *" $room "*) ;;
    *) echo "src/$room: a room that this script does not name" >>"$offences" ;;
    esac
done

effects='std::net|std::thread|std::fs|std::process|SystemTime|Instant::now'
crates='\b(rusqlite|openssl|native_tls|log|nix|crossbeam_channel)::|\brusqlite\b'
rooms='crate::(auth|cli|clock|files|http|import|net|reaper|protocol_log|server|shared|store::sqlite|store::postgres|store::memory|(pop3|lmtp)::conn)\b'
forbid 'the core knows an effect' "$effects" "${core[@]}"
forbid 'the core knows a library of an effect' "$crates" "${core[@]}"
forbid 'the core knows a room' "$rooms" "${core[@]}"

forbid 'the store knows the protocol' 'crate::(auth::(authenticator|gssapi|jwt|limits)|cli|http|import|lmtp|net|pop3|reaper|report|sasl|server|shared|watch)\b' "${store[@]}"

mapfile -t others < <(printf '%s\n' "${all[@]}" | except '^src/(cli|main)')
forbid 'nobody knows the command line' 'crate::cli\b' "${others[@]}"

mapfile -t others < <(printf '%s\n' "${all[@]}" | except '^src/store/sqlite')
forbid 'only store/sqlite knows SQLite' '\brusqlite\b' "${others[@]}"

mapfile -t others < <(printf '%s\n' "${all[@]}" | except '^src/(net/tls|auth/jwt|auth/credential/seal)')
forbid 'only net/tls, auth/jwt and auth/credential/seal know OpenSSL' '\b(openssl|native_tls)::' "${others[@]}"

mapfile -t others < <(printf '%s\n' "${all[@]}" | except '^src/((sasl|auth)/gssapi|store/postgres/libpq)')
forbid 'unsafe is for the rooms that open a library' '\bunsafe\b|allow\(unsafe_code' "${others[@]}"

mapfile -t others < <(printf '%s\n' "${all[@]}" | except '^src/(pop3/reply|import)') # an import reads them
forbid 'only pop3/reply writes status indicators' '"(\+OK|-ERR)' "${others[@]}"

if [ -s "$offences" ]; then
    cat "$offences"
    echo "layers: $(wc -l <"$offences") offences" >&2
    exit 1
fi
