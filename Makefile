# Everything a developer types. `make run` and `make test` need nothing but Rust and Debian.
