//! The binary: hands the arguments to [`pillarbox::cli`] and turns its answer into an exit code.

fn main() -> std::process::ExitCode {
    pillarbox::cli::run()
}
