use super::*;
use crate::store::Sample;

const NOW: i64 = 1_795_428_245;

/// A page of a year in which something was counted every hour.
fn busy() -> Report {
    let sample = |at: i64| {
        let n = (at / 3600 * 7919 % 97) as u64;
        Sample {
            logins: 10_000_000 * n,
            failures: n,
            deliveries: 3 * n,
            retrieved: 2 * n,
            most_sessions: n,
            database_octets: n << 35,
            ..Sample::default()
        }
    };
    let begin = NOW - NOW.rem_euclid(3600) - 366 * 86_400;
    let hours = (0..=366 * 24).map(|hour| begin + hour * 3600).map(|at| Hour { at, sample: sample(at) }).collect();
    let name = |n: u64| if n == 0 { "<script>&\"".repeat(30) } else { format!("user{n}@example.org") };
    let largest = (0..10).map(|n| Large { name: name(n), messages: 100 - n, octets: 1 << (40 - n) }).collect();
    let status = vec![("state", "well".into()), ("warning", "a < b".into())];
    Report { now: NOW, status, hours, largest }
}

/// The elements of this name with their attributes, and the text behind each.
fn elements<'a>(page: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let open = format!("<{name} ");
    let parts = page.split(open.as_str()).skip(1);
    parts
        .map(|part| part.split_once('>').unwrap())
        .map(|(head, rest)| (head, rest.split('<').next().unwrap()))
        .collect()
}

fn attribute(head: &str, name: &str) -> f64 {
    let start = head.find(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {head}"));
    let value = head[start + name.len() + 3..].split('"').next().unwrap();
    value.parse().unwrap()
}

/// What a text covers, generously: letters of 11 units are 6.2 wide at most on average.
fn extent(head: &str, text: &str) -> (f64, f64, f64, f64) {
    let head = &format!(" {head}");
    let (x, y) = (attribute(head, "x"), attribute(head, "y"));
    let size = if head.contains("\"title\"") { 13.0 } else { 11.0 };
    let width = text.chars().count() as f64 * size * 0.56;
    let left = match head {
        _ if head.contains("\"x\"") => x - width / 2.0,
        _ if head.contains("\"y\"") => x - width,
        _ => x,
    };
    (left, left + width, y - size * 0.8, y + size * 0.2)
}

fn charts(page: &str) -> Vec<&str> {
    page.split("<figure>").skip(1).map(|part| part.split("</figure>").next().unwrap()).collect()
}

/// Nothing is outside of its drawing, no text is over another one, and no chart is empty.
#[track_caller]
fn assert_readable(page: &str) {
    assert_eq!(charts(page).len(), 12);
    for chart in charts(page) {
        let texts: Vec<_> =
            elements(chart, "text").into_iter().map(|(head, text)| (extent(head, text), text)).collect();
        assert!(texts.len() >= 8, "{chart}");
        for (at, ((left, right, top, bottom), text)) in texts.iter().enumerate() {
            assert!(
                !text.is_empty() && *left >= 0.0 && *right <= 360.0 && *top >= 0.0 && *bottom <= 180.0,
                "{text:?} sticks out"
            );
            for ((l, r, t, b), other) in &texts[at + 1..] {
                assert!(right <= l || r <= left || bottom <= t || b <= top, "{text:?} is over {other:?} in {chart}");
            }
        }
        for (head, _) in elements(chart, "rect") {
            let head = &format!(" {head}");
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| attribute(head, name));
            assert!(
                width > 0.0 && height > 0.0 && x >= 0.0 && x + width <= 352.1 && y >= 0.0 && y + height <= 156.1,
                "{head}"
            );
        }
    }
}

#[test]
fn a_busy_year_is_readable() {
    let page = busy().html();
    assert_readable(&page);
    for chart in charts(&page) {
        assert!(elements(chart, "rect").iter().filter(|(head, _)| head.starts_with("class=\"first\"")).count() > 10);
        assert!(!chart.contains("nothing was counted"));
    }
}

#[test]
fn a_page_without_any_data_says_so() {
    let page = Report { now: NOW, status: Vec::new(), hours: Vec::new(), largest: Vec::new() }.html();
    assert_readable(&page);
    assert_eq!(page.matches("nothing was counted").count(), 12);
    assert!(page.contains("No mailbox has a message."));
}

/// No name becomes more than text, and nothing of another place is asked for.
#[test]
fn the_page_holds_neither_scripts_nor_addresses() {
    let page = busy().html();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;&amp;&quot;"));
    for wanted in ["src=", "href=", "@import", "url(", " style=", "onload"] {
        assert!(!page.contains(wanted), "{wanted}");
    }
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")) && header_fields().contains(&hash));
}
