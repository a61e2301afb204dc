//! What the fuzzers begin with: conversations as they should be, and what is wrong with some.
//!
//! Each is an input as `plan` has it: two bytes of setup, no operations, then the bytes of the wire.

/// A frame.
fn frame(kind: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((payload.len() + 5) as u32).to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend(id.to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// A request.
fn request(id: u32, name: &'static str, flags: u8, rest: &[u8]) -> Vec<u8> {
    let method = ekiden_rpc::Method::new(name).id().to_le_bytes();
    frame(1, id, &[&[flags], &method[..], rest].concat())
}

fn input(frames: &[Vec<u8>]) -> Vec<u8> {
    [vec![0, 0, 0], frames.concat()].concat()
}

/// The same again with checksums, which are given to their frames; and one whose frames have none, but should.
fn with_checksums(mut inputs: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let with = |input: &Vec<u8>, setup: u8| [&[input[0], setup], &input[2..]].concat();
    let (mended, raw): (Vec<_>, _) =
        (inputs.iter().map(|input| with(input, 2)).collect(), with(&inputs[0], 6));
    inputs.extend(mended);
    inputs.push(raw);
    inputs
}

pub(crate) fn of_server() -> Vec<Vec<u8>> {
    let number = |id, n: u8| frame(3, id, &[n]);
    with_checksums(vec![
        input(&[request(1, "Odd.echo", 0, b"\x91\xa4text"), request(2, "Odd.echo", 0, b"\x91\xc0")]),
        input(&[
            request(1, "Odd.echo", 2, b"\x10\0\0\0\x90"),
            request(2, "Odd.late", 2, b"\x10\0\0\0\x91\x01"),
        ]),
        input(&[request(1, "Odd.echo", 4, &[&[1; 25][..], b"\x90"].concat())]),
        input(&[request(1, "Odd.late", 0, b"\x91\x05"), frame(6, 1, b"")]),
        input(&[request(1, "Odd.fails", 0, b"\x90"), request(1, "Odd.echo", 0, b"\x90")]),
        input(&[request(1, "Odd.count", 0, b"\x91\x7e"), frame(5, 1, b"\xff\0\0\0")]),
        input(&[request(1, "Odd.count", 0, b"\x91\x7f"), request(2, "Odd.none", 0, b"\x90")]),
        input(&[request(1, "Odd.sum", 1, b"\x90"), number(1, 1), number(1, 2), frame(4, 1, b"")]),
        input(&[request(1, "Odd.first", 1, b"\x90"), number(1, 1), number(1, 2), frame(4, 1, b"")]),
        input(&[request(1, "Odd.sum", 1, b"\x90"), frame(3, 1, b"\xa1x")]),
        input(&[request(1, "Odd.back", 1, b"\x90"), frame(3, 1, b"\xa1x"), frame(4, 1, b"")]),
        input(&[frame(8, 0, b"12345678"), frame(9, 0, b"12345678")]),
        input(&[request(1, "Odd.late", 0, b"\x91\x05"), request(1, "Odd.late", 0, b"\x91\x05")]),
        input(&[b"\xff\xff\xff\xff".to_vec()]),
    ])
}

/// The calls of the client have the ids that it gives them, which are small.
pub(crate) fn of_client() -> Vec<Vec<u8>> {
    let all = |frames: &dyn Fn(u32) -> Vec<u8>| input(&(0..6).map(frames).collect::<Vec<_>>());
    with_checksums(vec![
        all(&|id| frame(2, id, b"\0\0\xa4text")),
        all(&|id| frame(2, id, b"\0\0\x07")),
        all(&|id| frame(2, id, b"\x01\0\xc0")),
        all(&|id| [frame(2, id, b"\x01\0\xc0"), frame(3, id, b"\xa1x"), frame(4, id, b"")].concat()),
        all(&|id| [frame(2, id, b"\x01\0\x81\xa2Ok\xc0"), frame(3, id, b"\x07"), frame(4, id, b"")].concat()),
        all(&|id| frame(7, id, &[id as u8])),
        all(&|id| frame(2, id, &[0, id as u8])),
        all(&|id| frame(5, id, b"\xff\xff\0\0")),
        input(&[frame(10, 0, b""), frame(8, 0, b"12345678")]),
        input(&[frame(2, 99, b"\0\0\xc0")]),
        input(&[b"\xff\xff\xff\xff".to_vec()]),
    ])
}
