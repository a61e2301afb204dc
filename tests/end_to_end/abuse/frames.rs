//! Lines and frames over the maximum of their codec.

use std::convert::Infallible;

use ekiden::net::TcpListener;
use ekiden::proto::codec::LengthDelimited;
use ekiden::proto::pipeline;
use ekiden::service_fn;

use super::by_hand::ByHand;
use super::bystanders::{Bystanders, Language};
use super::peer::{End, Peer};
use super::started::Started;

/// A line up to the maximum is sent back; one beyond it ends the connection, and so does one that never ends.
#[track_caller]
fn check_lines(program: &str, line_bytes_max: usize) {
    let server = Started::new(program);
    let mut bystanders = Bystanders::arrive(server.addr, Language::Lines);
    let longest = "x".repeat(line_bytes_max);
    let (half, rest) = longest.split_at(line_bytes_max / 2);
    for (beyond, expect) in [("\n", "served"), ("x\n", "ended"), ("x", "ended")] {
        let mut abuser = Peer::connect(server.addr);
        abuser.send("first\n");
        abuser.read_until(|answer| answer == "first\n");
        abuser.send(half);
        bystanders.are_served();
        assert!(abuser.hears_nothing());
        abuser.send(format!("{rest}{beyond}"));
        bystanders.are_served();
        match expect {
            "served" => drop(abuser.read_until(|answer| answer.len() == line_bytes_max + 1)),
            // What was on its way may find the connection gone, and then it ends by a reset.
            _ => assert_eq!(abuser.read_to_end().0, "", "{program}, {beyond:?}"),
        }
        bystanders.are_served();
    }
    assert_eq!(server.finish(), [""; 0], "{program}");
}

#[test]
fn a_line_over_the_maximum_ends_its_connection() {
    check_lines("lines", 8 * 1024);
    check_lines("ticks", 64 * 1024);
}

/// Sends each frame back; 1,000 bytes are the most.
async fn frames(listener: TcpListener) {
    let echo = service_fn(async |frame| Ok::<_, Infallible>(frame));
    let served = pipeline::serve(listener, LengthDelimited::new(1000), echo).await;
    served.expect("its listener does not fail");
}

#[test]
fn a_frame_over_the_maximum_ends_its_connection() {
    let server = ByHand::start(frames);
    let mut bystanders = Bystanders::arrive(server.addr, Language::Frames);
    let first = "\0\0\0\x05first";
    for (pieces, expect) in [
        // What its length claims is not waited for.
        (&[&b"\0\0\x03\xe9"[..]][..], "ended"),
        (&[b"\xff\xff", b"\xff\xff"], "ended"),
        (&[b"\0\0\x03", b"\xe8", &[b'x'; 999]], "waited for"),
    ] {
        let mut abuser = Peer::connect(server.addr);
        abuser.send(first);
        abuser.read_until(|answer| answer == first);
        for piece in pieces {
            assert!(abuser.hears_nothing());
            abuser.send(piece);
            bystanders.are_served();
        }
        match expect {
            "waited for" => assert!(abuser.hears_nothing()),
            _ => assert_eq!(abuser.read_to_end(), (String::new(), End::Closed), "{pieces:?}"),
        }
        bystanders.are_served();
    }
    assert_eq!(server.finish(), [""; 0]);
}
