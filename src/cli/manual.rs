//! What `make generate` writes from the table of commands: the manual page and the completions of shells.

use super::{COMMANDS, Command};
use crate::generated::assert_region;

/// The column at which the usage explains options.
const MEANINGS: usize = 24;

/// An option as the usage shows it.
struct Choice {
    short: Option<String>,
    long: String,
    /// What its value is.
    hint: Option<String>,
    meaning: String,
}

/// The options of a command, read from its usage: the parser does not show them.
fn options(command: &Command) -> Vec<Choice> {
    let usage = command.shown_options().usage("");
    let mut options: Vec<Choice> = Vec::new();
    for line in usage.lines().filter(|line| !line.trim().is_empty() && *line != "Options:") {
        if !line.trim_start().starts_with('-') {
            let meaning = &mut options.last_mut().unwrap().meaning;
            *meaning = format!("{meaning} {}", line.trim()).trim().to_owned();
            continue;
        }
        // Names that leave no room before the column of meanings have a line of their own.
        let fits = line.as_bytes().get(MEANINGS - 1) == Some(&b' ');
        let (names, meaning) = line.split_at(if fits { MEANINGS } else { line.len() });
        let names = names.trim();
        let long = &names[names.find("--").unwrap() + 2..];
        let (long, hint) = long.split_once(' ').map_or((long, None), |(long, hint)| (long, Some(hint.to_owned())));
        let short = names.split_once(", ").map(|(short, _)| short[1..].to_owned());
        options.push(Choice { short, long: long.to_owned(), hint, meaning: meaning.trim().to_owned() });
    }
    options
}

fn each(text: impl Fn(&Command) -> String) -> String {
    COMMANDS.iter().map(|command| text(command)).collect()
}

/// Text in a manual page.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = escaped
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}\n") } else { format!("{line}\n") });
    lines.collect()
}

fn manual_of(command: &Command) -> String {
    let Command { name, arguments, summary, notes, .. } = command;
    let mut text = format!(".SS {name}\n.B pillarbox {}", roff(format!("{name} [options] {arguments}").trim_end()));
    text += &format!(".PP\n{}", roff(&format!("{summary}.")));
    if !notes.is_empty() {
        text += &format!(".PP\n{}", roff(notes));
    }
    for Choice { short, long, hint, meaning } in options(command).iter().filter(|it| !is_common(it)) {
        let short = short.as_ref().map_or(String::new(), |short| format!("-{short}, "));
        let hint = hint.as_ref().map_or(String::new(), |hint| format!(" {hint}"));
        text += &format!(".TP\n.B {}{}", roff(&format!("{short}--{long}{hint}")), roff(meaning));
    }
    text
}

/// The page says these once.
fn is_common(choice: &Choice) -> bool {
    matches!(choice.long.as_str(), "help" | "db")
}

#[test]
fn generated_manual() {
    assert_region("packaging/pillarbox.1", "commands", &each(manual_of));
}

fn long_names(command: &Command) -> String {
    options(command).iter().map(|it| format!("--{}", it.long)).collect::<Vec<_>>().join(" ")
}

#[test]
fn generated_bash_completion() {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    let commands = format!("    commands=\"{}\"\n", names.join(" "));
    let branches = each(|command| format!("        {}) words=\"{}\" ;;\n", command.name, long_names(command)));
    assert_region("packaging/completions/pillarbox.bash", "commands", &commands);
    assert_region("packaging/completions/pillarbox.bash", "options", &branches);
}

/// Between single quotes in a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn generated_zsh_completion() {
    let describe =
        |command: &Command| format!("        {}\n", quoted(&format!("{}:{}", command.name, command.summary)));
    let option = |Choice { short, long, hint, meaning }: &Choice| {
        let meaning = meaning.replace('[', "\\[").replace(']', "\\]");
        let hint = hint.as_ref().map_or(String::new(), |hint| format!(":{}:_files", hint.replace(':', "\\:")));
        let names = short.iter().map(|short| format!("-{short}")).chain([format!("--{long}")]);
        names.map(|name| format!(" {}", quoted(&format!("*{name}[{meaning}]{hint}")))).collect::<String>()
    };
    let branch = |command: &Command| {
        let options: String = options(command).iter().map(option).collect();
        format!("        {}) _arguments{options} '*:file:_files' ;;\n", command.name)
    };
    assert_region("packaging/completions/_pillarbox", "commands", &each(describe));
    assert_region("packaging/completions/_pillarbox", "options", &each(branch));
}

#[test]
fn generated_fish_completion() {
    let lines = |command: &Command| {
        let name = command.name;
        let mut text =
            format!("complete -c pillarbox -n __fish_use_subcommand -f -a {name} -d {}\n", fish(command.summary));
        for Choice { short, long, hint, meaning } in options(command) {
            let short = short.map_or(String::new(), |short| format!(" -s {short}"));
            let value = if hint.is_some() { " -r" } else { "" };
            text += &format!(
                "complete -c pillarbox -n '__fish_seen_subcommand_from {name}'{short} -l {long}{value} -d {}\n",
                fish(&meaning)
            );
        }
        text
    };
    assert_region("packaging/completions/pillarbox.fish", "commands", &each(lines));
}

fn fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
