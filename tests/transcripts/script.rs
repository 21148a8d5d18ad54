//! The scripts: what a transcript file says, line by line (see `README.md` beside this file).

use std::path::Path;

/// One line of a transcript.
pub enum Line {
    Greeting,
    Login,
    Client(Vec<u8>),
    Server(Vec<u8>),
    ServerBegins(Vec<u8>),
    Eof,
    Drop,
}

/// One transcript.
pub struct Script {
    pub name: String,
    pub settings: Vec<(String, String)>,
    pub mail: Vec<Vec<u8>>,
    /// Each with its line number in the file.
    pub lines: Vec<(usize, Line)>,
}

/// All transcripts of a directory beside this file, by name.
pub fn all(directory: &str) -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(directory);
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 20, "the transcripts are not where they were");
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Script {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut script = Script { name, settings: Vec::new(), mail: Vec::new(), lines: Vec::new() };
    let mut given_mail = false;
    for (at, text) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        let rest = |keyword: &str| text.strip_prefix(keyword).map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
        if let Some(setting) = rest("set") {
            let (name, value) = setting.split_once('=').unwrap();
            script.settings.push((name.into(), value.into()));
        } else if let Some(mail) = rest("mail") {
            given_mail = true;
            script.mail.extend(Some(octets(mail)).filter(|mail| !mail.is_empty()));
        } else if !text.is_empty() && !text.starts_with('#') {
            script.lines.push((at + 1, line(text).unwrap_or_else(|| panic!("{}:{}: {text}", script.name, at + 1))));
        }
    }
    if !given_mail {
        script.mail = ["one", "two"].map(|body| format!("Subject: {body}\r\n\r\n{body}\r\n").into_bytes()).into();
    }
    if !script.settings.iter().any(|(name, _)| name == "LoginType") {
        script.settings.push(("LoginType".into(), "PlainTextLogin".into()));
    }
    script
}

fn line(text: &str) -> Option<Line> {
    let rest = |prefix: &str| text.strip_prefix(prefix).map(|rest| octets(rest.strip_prefix(' ').unwrap_or(rest)));
    Some(match text {
        "greeting" => Line::Greeting,
        "login" => Line::Login,
        "EOF" => Line::Eof,
        "DROP" => Line::Drop,
        _ => rest("C:")
            .map(Line::Client)
            .or_else(|| rest("S:").map(Line::Server))
            .or_else(|| rest("S~").map(Line::ServerBegins))?,
    })
}

/// `\r`, `\n`, `\t`, `\s`, `\\`, `\xHH` and `{N*c}` become octets.
fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'\\', [escape, behind @ ..]) => {
                rest = behind;
                match escape {
                    b'r' => out.push(b'\r'),
                    b'n' => out.push(b'\n'),
                    b't' => out.push(b'\t'),
                    b's' => out.push(b' '),
                    b'x' => {
                        let (digits, behind) = behind.split_at(2);
                        out.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
                        rest = behind;
                    }
                    other => out.push(*other),
                }
            }
            (b'{', _) => {
                let end = behind.iter().position(|octet| *octet == b'}').unwrap();
                let (count, octet) = std::str::from_utf8(&behind[..end]).unwrap().split_once('*').unwrap();
                out.extend(octet.as_bytes().repeat(count.parse().unwrap()));
                rest = &behind[end + 1..];
            }
            _ => out.push(*first),
        }
    }
    out
}
