//! Clients that ask and ask, and never read an answer.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use super::by_hand::ByHand;
use super::bystanders::{Bystanders, Language};
use super::peer::{End, Peer};
use super::started::Started;

/// Clients that send the same question over and over.
struct Askers {
    server: SocketAddr,
    peers: Vec<Peer>,
    question: Vec<u8>,
    /// How much each has sent.
    sent: Vec<usize>,
}

/// No buffers, of a server and of two kernels, hold as much as this for one connection.
const OFFERED: usize = 16 << 20;

impl Askers {
    fn new(count: usize, server: SocketAddr, question: Vec<u8>) -> Self {
        let peers = (0..count).map(|_| Peer::connect_with_little_room(server)).collect();
        Self { server, peers, question, sent: vec![0; count] }
    }

    /// Each sends what is taken at once: how much, or how a connection has ended.
    #[track_caller]
    fn ask(&mut self) -> Result<usize, End> {
        let mut asked = 0;
        for (peer, sent) in self.peers.iter_mut().zip(&mut self.sent) {
            while *sent < OFFERED {
                match peer.try_send(&self.question[*sent % self.question.len()..])? {
                    0 => break,
                    more => (*sent, asked) = (*sent + more, asked + more),
                }
            }
        }
        Ok(asked)
    }

    /// They ask until the server leaves what they send unread, though it has turn after turn.
    #[track_caller]
    fn ask_until_full(&mut self, bystanders: &mut Bystanders) {
        let mut still = 0;
        for _ in 0..ROUNDS_MAX {
            let asked = self.ask().expect("nobody is dropped so soon");
            bystanders.are_served();
            assert!(self.sent.iter().all(|sent| *sent < OFFERED), "it takes everything");
            still = if asked == 0 && self.are_left_unread() { still + 1 } else { 0 };
            if still == STILL {
                return;
            }
        }
        panic!("it is never full");
    }

    /// Whether something of each has arrived at the server's end, and was not read there.
    fn are_left_unread(&self) -> bool {
        let ends = ends_of(self.server);
        self.peers.iter().all(|peer| ends.get(&peer.port()).is_some_and(|end| end.is_unread))
    }

    /// How much the server has written that the clients' ends have not taken.
    fn written(&self) -> u64 {
        let ends = ends_of(self.server);
        self.peers.iter().filter_map(|peer| ends.get(&peer.port())).map(|end| end.written).sum()
    }
}

/// The server's end of a connection, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ServersEnd {
    /// Something has arrived that the server has not read.
    is_unread: bool,
    /// So many bytes the server has written that the client's end has not taken.
    written: u64,
}

/// The server's ends of all connections, by their clients' ports.
fn ends_of(server: SocketAddr) -> BTreeMap<u16, ServersEnd> {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel has the table");
    table.lines().skip(1).filter_map(|line| servers_end(server, line)).collect()
}

/// The client's port and the server's end, if this line is of one.
fn servers_end(server: SocketAddr, line: &str) -> Option<(u16, ServersEnd)> {
    let port = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    let mut columns = line.split_whitespace().skip(1);
    let [local, remote, _state, queued] =
        [columns.next()?, columns.next()?, columns.next()?, columns.next()?];
    if port(local) != Some(server.port()) {
        return None;
    }
    let (written, unread) = queued.split_once(':')?;
    let [written, unread] = [written, unread].map(|bytes| u64::from_str_radix(bytes, 16).ok());
    Some((port(remote)?, ServersEnd { is_unread: unread? > 0, written: written? }))
}

/// In so many rounds on end nothing has changed, so nothing will.
const STILL: usize = 20;

/// Some dozens fill every buffer.
const ROUNDS_MAX: usize = 10_000;

/// A request whose answer is as long as it is.
fn long_request() -> Vec<u8> {
    format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(15_000)).into_bytes()
}

#[track_caller]
fn check_time(server: ByHand, language: Language, question: Vec<u8>) {
    let mut bystanders = Bystanders::arrive(server.addr, language);
    let mut asker = Askers::new(1, server.addr, question);
    asker.ask_until_full(&mut bystanders);
    // Two kernels may find room for a little more, and then it has its time anew.
    let (mut seconds, mut written) = (0, asker.written());
    let is_dropped = (0..1000).any(|_| {
        bystanders.are_served();
        if asker.ask().is_err() {
            return true;
        }
        let before = std::mem::replace(&mut written, asker.written());
        if written > before {
            seconds = 0;
        }
        server.pass(1);
        seconds += 1;
        false
    });
    assert!(is_dropped, "it is never dropped");
    // What is written as the clock moves on may be seen a second late.
    assert!(seconds >= 29, "dropped after {seconds} seconds");
    bystanders.are_served();
    assert_eq!(server.finish(), [""; 0]);
}

#[test]
fn who_reads_no_answer_is_dropped_after_thirty_seconds() {
    check_time(ByHand::hello(), Language::Http, long_request());
}

#[test]
fn who_reads_no_line_is_dropped_after_thirty_seconds() {
    check_time(ByHand::lines(), Language::Lines, line(8_000));
}

fn line(length: usize) -> Vec<u8> {
    [vec![b'x'; length], b"\n".to_vec()].concat()
}

/// What is not read stays with whoever sent it: of what many clients ask, a server holds little.
#[track_caller]
fn check_memory(program: &str, language: Language, question: Vec<u8>) {
    const ASKERS: usize = 20;
    // 64 answers of `lines` that wait for their turn, one more read, and one more write.
    const HELD_KIB_MAX: u64 = 1024;

    let server = Started::new(program);
    let mut bystanders = Bystanders::arrive(server.addr, language);
    let before = server.memory_peak_kib();
    let mut askers = Askers::new(ASKERS, server.addr, question);
    askers.ask_until_full(&mut bystanders);
    let held = server.memory_peak_kib() - before;
    assert!(held <= HELD_KIB_MAX * ASKERS as u64, "{ASKERS} clients made {program} hold {held} KiB");
    drop(askers);
    bystanders.are_served();
    assert_eq!(server.finish(), [""; 0]);
}

#[test]
fn unread_answers_are_held_up_to_a_limit() {
    check_memory("hello", Language::Http, long_request());
}

#[test]
fn unread_lines_are_held_up_to_a_limit() {
    for program in ["lines", "ticks", "echo"] {
        check_memory(program, Language::Lines, line(8_000));
    }
}

#[test]
fn the_kernels_table_is_read() {
    let server = "127.0.0.1:8080".parse().expect("an address");
    let check = |line, want: Option<(bool, u64)>| {
        let want = want.map(|(is_unread, written)| (0xC001, ServersEnd { is_unread, written }));
        assert_eq!(servers_end(server, line), want, "{line}");
    };
    check("   0: 0100007F:1F90 0100007F:C001 01 00000000:00000001 00", Some((true, 0)));
    check("   1: 0100007F:1F90 0100007F:C001 01 00000010:00000000 00", Some((false, 16)));
    check("   2: 0100007F:C001 0100007F:1F90 01 00000000:00000001 00", None);
}
