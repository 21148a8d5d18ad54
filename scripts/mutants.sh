#!/bin/bash
# Mutation test of the protocol core: which changes of the source does no test notice? .cargo/mutants.toml says what is
# changed and what is accepted as equivalent. Options go to cargo-mutants; the report is in target/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."

version=25.3.1
target=${CARGO_TARGET_DIR:-target}
export PATH="$PWD/$target/tools/bin:$PATH"
[ "${target:0:1}" = / ] && PATH="$target/tools/bin:$PATH"

if [ "$(cargo-mutants mutants --version 2>/dev/null)" != "cargo-mutants $version" ]; then
    cargo install --locked --version "$version" --root "$target/tools" cargo-mutants
fi
mkdir -p "$target"
exec cargo mutants --output "$target" "$@"
