//! What Debian's promtool says of our metrics and alerts.

use crate::http::get;
use crate::support::messages::PLAIN;
use crate::support::site::{feed, text};
use crate::support::{Site, debian, eventually};
use std::path::Path;
use std::process::{Command, Stdio};

fn promtool(arguments: &[&str], input: &str) {
    let prometheus = debian::unpack("prometheus", &["prometheus"]);
    let mut command = Command::new(prometheus.root().join("usr/bin/promtool"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, input.as_bytes());
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
}

fn alerts() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus-alerts.yml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_alerts_can_be_used() {
    promtool(&["check", "rules", "packaging/prometheus-alerts.yml"], "");
}

/// Each is about a metric that there is.
#[test]
fn the_metrics_can_be_scraped_and_the_alerts_know_them() {
    let server = Site::with_alice(&[PLAIN]).serve(&[("HttpBindings", "127.0.0.1:0")]);
    server.alice().quit();
    eventually("the reaper has made a round", || get(&server, "/metrics").contains("retention_last_round"));
    let metrics = get(&server, "/metrics");
    promtool(&["check", "metrics"], &metrics);
    let alerts = alerts();
    let mut names: Vec<&str> = alerts
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("pillarbox_"))
        .collect();
    names.sort();
    names.dedup();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name} is no metric of ours");
    }
}
