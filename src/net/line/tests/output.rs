//! What is sent: in which order, and in how many writes.

use super::*;

#[test]
fn output_goes_out_in_one_write() {
    let mut script = Script::writable(usize::MAX);
    let mut output = Output::new();
    assert!(output.is_empty());
    for _ in 0..10 {
        output.push(b"+OK\r\n");
        output.spill(&mut script).unwrap();
    }
    assert!(!output.is_empty());
    assert_eq!(script.sent, b"");
    output.flush(&mut script).unwrap();
    assert_eq!(script.writes, [50]);
    output.flush(&mut script).unwrap();
    assert_eq!(script.writes, [50], "nothing waits, nothing is written");
}

#[test]
fn output_is_bounded_and_shrinks() {
    let mut script = Script::writable(usize::MAX);
    let mut output = Output::new();
    for _ in 0..10_000 {
        output.push(&[b'x'; 100]);
        output.spill(&mut script).unwrap();
        assert!(output.buffer().len() < FLUSH_AT);
    }
    output.flush(&mut script).unwrap();
    assert_eq!(script.sent.len(), 1_000_000);
    assert!(output.buffer().capacity() <= IDLE);
    output.buffer().extend_from_slice(b"ok");
    output.flush(&mut script).unwrap();
    assert!(script.sent.ends_with(b"ok"));
}

/// Order and content hold for every mixture of sizes and every way the socket cuts writes.
#[test]
fn output_keeps_the_order() {
    let content: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[(i % 3) as usize]).collect();
    for accepts in [1, 7, 5000, DIRECT_PIECE, usize::MAX] {
        for chunk in [1000, DIRECT_PIECE - 1, DIRECT_PIECE, 70_000, 200_000] {
            if accepts == 1 && chunk != 70_000 {
                continue;
            }
            let mut script = Script::writable(accepts);
            let mut output = Output::new();
            output.push(b"+OK\r\n");
            for slice in content.chunks(chunk) {
                output.write_through(&mut script, slice).unwrap();
                assert!(output.buffer().len() < FLUSH_AT);
            }
            output.push(b".\r\n");
            output.flush(&mut script).unwrap();
            assert!(script.sent.starts_with(b"+OK\r\n") && script.sent.ends_with(b".\r\n"));
            assert!(script.sent[5..script.sent.len() - 3] == content, "accepts {accepts}, chunks of {chunk}");
        }
    }
}

/// From this size on chunks are written from where they are (`output::DIRECT`).
const DIRECT_PIECE: usize = 16 * 1024;

#[test]
fn big_pieces_leave_with_what_waits() {
    let mut script = Script::writable(usize::MAX);
    let mut output = Output::new();
    output.push(b"+OK\r\n");
    output.write_through(&mut script, &[b'x'; 50_000]).unwrap();
    output.write_through(&mut script, &[b'y'; 50_000]).unwrap();
    assert_eq!(script.writes, [50_005, 50_000]);
}

#[test]
fn a_client_that_takes_nothing_is_an_error() {
    let mut script = Script::writable(0);
    let mut output = Output::new();
    output.push(b"+OK\r\n");
    assert_eq!(output.flush(&mut script).unwrap_err().kind(), io::ErrorKind::WriteZero);
    let error = output.write_through(&mut script, &[0; 50_000]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

/// Sends responses of these sizes, in chunks of `chunk`, and gives the sizes of the units in which they went out.
fn respond(sizes: &[usize], chunk: usize, through: bool, unit: usize) -> Vec<Vec<u8>> {
    let mut script = Script { unit, ..Script::writable(if unit == 0 { usize::MAX } else { unit }) };
    let mut output = Output::new();
    for size in sizes {
        output.push(b"+OK\r\n");
        let content = [vec![b'x'; *size - 2].as_slice(), b"\r\n"].concat();
        for slice in content.chunks(chunk) {
            if through {
                output.write_through(&mut script, slice).unwrap();
            } else {
                output.push(slice);
                output.spill(&mut script).unwrap();
            }
        }
        output.push(b".\r\n");
        output.spill(&mut script).unwrap();
    }
    output.flush(&mut script).unwrap();
    let mut rest = script.sent.as_slice();
    script.writes.iter().map(|n| rest.split_off(..*n).unwrap().to_vec()).collect()
}

/// Many clients look for the end in what one read gave them.
#[test]
fn the_end_of_a_response_is_never_split() {
    let around = |unit: usize| (1..=2).flat_map(move |k| unit * k - 16..unit * k + 4);
    for (unit, edge) in [(16_384, 16_384), (512, 512), (0, FLUSH_AT), (0, DIRECT_PIECE)] {
        for size in around(edge) {
            for chunk in [if edge > 512 { 5000 } else { 1 }, edge - 1, edge, 1 << 20] {
                for (through, sizes) in [(true, vec![size]), (false, vec![size]), (true, vec![100, size, size])] {
                    let units = respond(&sizes, chunk, through, unit);
                    let ends =
                        units.iter().map(|unit| memchr::memmem::find_iter(unit, b"\r\n.\r\n").count()).sum::<usize>();
                    assert_eq!(ends, sizes.len(), "{sizes:?} by {chunk}, units of {unit}, through: {through}");
                    assert!(unit == 0 || units.iter().all(|one| one.len() <= unit));
                }
            }
        }
    }
}
