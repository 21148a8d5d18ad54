//! `pillarbox serve`: runs the server.

use super::exit::Error;
use super::{Command, arguments, database};
use crate::server::{self, ServeOptions};
use crate::settings;
use getopts::Matches;
use std::io::Write;
use std::time::SystemTime;

pub(super) const COMMAND: Command = Command {
    name: "serve",
    arguments: "",
    summary: "runs the server until SIGTERM or SIGINT; SIGHUP re-reads the certificate",
    notes: "With any of -l, -s and -m, only the listeners named here are bound; port 0 picks a free port.\n\
            Once all are bound, it prints a line for each and then \"ready\". It logs to standard error\n\
            (RUST_LOG sets the level; the default is info).",
    options: |options| {
        options.optmulti("l", "listen", "POP3 without TLS and with STLS", "ADDR:PORT");
        options.optmulti("s", "listen-tls", "POP3 over TLS", "ADDR:PORT");
        options.optmulti("m", "lmtp", "LMTP on TCP or on a Unix socket", "ADDR:PORT|/PATH");
        options.optmulti("", "set", "override a setting for this run", "NAME=VALUE");
    },
    run: |matches| {
        let options = options(matches)?;
        database::readable(&options.location)?;
        start_log("info");
        server::run(options)
    },
};

fn options(matches: &Matches) -> Result<ServeOptions, Error> {
    let [] = arguments(matches, "")?;
    Ok(ServeOptions {
        location: database::location(matches)?,
        listen: bindings(matches, "l", "UnencryptedOrTLSBindings")?,
        listen_tls: bindings(matches, "s", "SSLBindings")?,
        lmtp: bindings(matches, "m", "LmtpBindings")?,
        overrides: matches
            .opt_strs("set")
            .iter()
            .map(|text| settings::parse_override(text).map_err(|error| Error::usage(format!("--set: {error}"))))
            .collect::<Result<_, _>>()?,
    })
}

/// The values of one option; each is what the setting of the same meaning would take.
fn bindings(matches: &Matches, option: &str, setting: &str) -> Result<Vec<String>, Error> {
    let given = matches.opt_strs(option);
    for binding in &given {
        let right = !binding.is_empty() && settings::parse_override(&format!("{setting}={binding}")).is_ok();
        if !right || binding.contains(',') {
            let form = if option == "m" { "ADDR:PORT or an absolute path" } else { "ADDR:PORT" };
            return Err(Error::usage(format!("-{option}: cannot listen on {binding:?}, it must be {form}")));
        }
    }
    Ok(given)
}

/// Sends the log to stderr, as much as RUST_LOG says: a line `time LEVEL text` each, or for the journal, which keeps time and
/// level itself, `<priority>text` (sd-daemon(3)). A logger that is there already (in a test) stays.
pub(super) fn start_log(default: &str) {
    let filter = env_logger::Env::default().default_filter_or(default);
    let journal = is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref());
    let _ = env_logger::Builder::from_env(filter)
        .format(move |out, record| {
            if journal {
                return writeln!(out, "<{}>{}", priority(record.level()), record.args());
            }
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            writeln!(out, "{now} {} {}", record.level(), record.args())
        })
        .try_init();
}

/// Whether stderr is the journal's: systemd says so by device and inode (systemd.exec(5)).
fn is_journal(stream: Option<&str>) -> bool {
    let ours = nix::sys::stat::fstat(std::io::stderr()).map(|found| format!("{}:{}", found.st_dev, found.st_ino));
    stream.is_some() && ours.ok().as_deref() == stream
}

/// The priority of syslog(3).
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;
    use std::path::PathBuf;

    fn read(arguments: &[&str]) -> Result<ServeOptions, Error> {
        options(&parsed(&COMMAND, arguments).unwrap())
    }

    #[test]
    fn options_may_be_repeated() {
        let line =
            ["-d", "x.db", "-l", "127.0.0.1:0", "--listen", "[::1]:1110", "-s", "127.0.0.1:1995", "-m", "/run/l"];
        let options = read(&[&line[..], &["--set", "Banner=a=b", "--set=maxcommandsize=40"]].concat()).unwrap();
        assert_eq!(options.location.beside, PathBuf::from("x.db"));
        assert_eq!(options.listen, ["127.0.0.1:0", "[::1]:1110"]);
        assert_eq!(options.listen_tls, ["127.0.0.1:1995"]);
        assert_eq!(options.lmtp, ["/run/l"]);
        assert_eq!(options.overrides, [("Banner".into(), "a=b".into()), ("maxcommandsize".into(), String::from("40"))]);
    }

    #[test]
    fn what_cannot_be_listened_on_or_set_is_refused() {
        for wrong in [
            &["-l", "1110"][..],
            &["-l", ""],
            &["-l", "/run/x"],
            &["-s", "localhost"],
            &["-m", "relative"],
            &["-l", "127.0.0.1:1,127.0.0.1:2"],
            &["--set", "Banner"],
            &["--set", "MaxCommandSize=39"],
            &["stray"],
        ] {
            assert_eq!(read(wrong).unwrap_err().code as u8, 64, "{wrong:?}");
        }
        let text = read(&["--set", "MaxCommandSize=39"]).unwrap_err().text;
        assert_eq!(text, "--set: setting MaxCommandSize cannot be \"39\" (range: 40 to 1024 octets)");
    }

    #[test]
    fn only_the_journals_own_stream_is_the_journal() {
        let stderr = nix::sys::stat::fstat(std::io::stderr()).unwrap();
        assert!(is_journal(Some(&format!("{}:{}", stderr.st_dev, stderr.st_ino))));
        // Inherited, but stderr was sent elsewhere since.
        assert!(!is_journal(Some("8:1")));
        assert!(!is_journal(None));
    }
}
