//! The page as Debian's Chromium draws it: light, dark, and as narrow as a telephone.

use crate::support::messages::PLAIN;
use crate::support::{Server, Site};
use std::io::Read;
use std::process::{Command, Stdio};

/// The colours of `style.css`, in the light and in the dark.
const LIGHT: Colours = Colours { back: [0xff, 0xff, 0xff], first: [0x1f, 0x6f, 0xbf], second: [0xc7, 0x53, 0x00] };
const DARK: Colours = Colours { back: [0x16, 0x18, 0x1b], first: [0x6d, 0xb3, 0xf2], second: [0xff, 0xa0, 0x57] };

struct Colours {
    back: [u8; 3],
    first: [u8; 3],
    second: [u8; 3],
}

/// A picture, three octets a pixel.
struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    fn count(&self, colour: [u8; 3]) -> usize {
        self.pixels.chunks_exact(3).filter(|pixel| *pixel == colour).count()
    }

    /// Pixels of another colour in the last columns, where nothing may be.
    fn stray(&self, back: [u8; 3]) -> usize {
        let rows = self.pixels.chunks_exact(3 * self.width);
        rows.flat_map(|row| row[3 * (self.width - 8)..].chunks_exact(3)).filter(|pixel| *pixel != back).count()
    }
}

/// Reads a PNG of 8 bits a colour, not interlaced (RFC 2083).
fn png(file: &[u8]) -> Picture {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (width, height, depth, kind) = (number(16), number(20), file[24], file[25]);
    let each = match (depth, kind) {
        (8, 2) => 3,
        (8, 6) => 4,
        other => panic!("a PNG of another kind: {other:?}"),
    };
    let (mut packed, mut at) = (Vec::new(), 8);
    while at < file.len() {
        if &file[at + 4..at + 8] == b"IDAT" {
            packed.extend(&file[at + 8..at + 8 + number(at)]);
        }
        at += 12 + number(at);
    }
    let mut lines = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut lines).unwrap();
    let (stride, mut before, mut pixels) = (each * width, vec![0; each * width], Vec::new());
    for line in lines.chunks_exact(stride + 1).take(height) {
        let (filter, mut line) = (line[0], line[1..].to_vec());
        for i in 0..stride {
            let left = if i >= each { line[i - each] } else { 0 };
            let corner = if i >= each { before[i - each] } else { 0 };
            line[i] = line[i].wrapping_add(match filter {
                0 => 0,
                1 => left,
                2 => before[i],
                3 => ((u16::from(left) + u16::from(before[i])) / 2) as u8,
                _ => paeth(left, before[i], corner),
            });
        }
        pixels.extend(line.chunks_exact(each).flat_map(|pixel| pixel[..3].to_vec()));
        before = line;
    }
    Picture { width, pixels }
}

/// RFC 2083 section 6.6.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(above) - i16::from(corner);
    [left, above, corner].into_iter().min_by_key(|octet| (guess - i16::from(*octet)).abs()).unwrap()
}

/// What the browser draws of `/` in a window of this size.
fn drawn(server: &Server, size: (u32, u32), dark: bool) -> Picture {
    let (directory, shot) = (server.path("browser"), server.path("shot.png"));
    let mut command = Command::new("timeout");
    command.args([
        "-k",
        "5",
        "180",
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]);
    command.args(["--disable-dev-shm-usage", "--no-first-run", "--force-color-profile=srgb"]);
    // 0 is dark, 1 is light.
    command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    command.arg(format!("--user-data-dir={}", directory.display())).arg(format!("--screenshot={}", shot.display()));
    command.arg(format!("--window-size={},{}", size.0, size.1)).arg(format!("http://{}/", server.address("http")));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && shot.exists(), "{said}");
    assert!(!said.contains("Content Security Policy"), "{said}");
    let picture = png(&std::fs::read(&shot).unwrap());
    std::fs::remove_file(&shot).unwrap();
    picture
}

/// A style that the policy did not let in would leave the page without its colours.
#[test]
fn the_page_is_drawn_light_and_dark_and_narrow() {
    let site = Site::with_alice(&[PLAIN]);
    site.sql(
        "WITH RECURSIVE hour(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hour WHERE n < 8760)
         INSERT INTO statistics(at, logins, failures, deliveries, retrieved, most_sessions, database_octets)
           SELECT now - now % 3600 - n * 3600 - 3600, 50 + n % 30, n % 20, 30 + n % 40, 60 - n % 50, n % 10, 1000000 - n
             FROM hour, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)",
    );
    let server = site.serve(&[("HttpBindings", "127.0.0.1:0")]);
    for (size, dark) in [((1300, 1200), false), ((1300, 1200), true), ((500, 3600), false)] {
        let (picture, colours) = (drawn(&server, size, dark), if dark { DARK } else { LIGHT });
        let pixels = picture.pixels.len() / 3;
        let [back, first, second] = [colours.back, colours.first, colours.second].map(|colour| picture.count(colour));
        assert!(back * 2 > pixels && back < pixels, "{back} of {pixels} are background, {size:?} dark {dark}");
        assert!(first > 5000 && second > 1000, "{first} and {second} pixels of the charts, {size:?} dark {dark}");
        assert_eq!(picture.stray(colours.back), 0, "something sticks out, {size:?} dark {dark}");
    }
}
