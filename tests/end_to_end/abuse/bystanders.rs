//! Those whom abuse must not harm: clients who behave.

use std::net::SocketAddr;

use super::peer::{End, Peer};

/// A client that is connected, and new ones.
#[derive(Debug)]
pub(crate) struct Bystanders {
    addr: SocketAddr,
    language: Language,
    known: Peer,
    /// So many questions were asked.
    asked: u32,
}

/// What the server speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    /// The server is `hello`.
    Http,
    /// The server sends each line back.
    Lines,
    /// The server sends each frame back; its length stands before it in four bytes, the highest first.
    Frames,
}

/// A client that has asked and waits.
#[derive(Debug)]
pub(crate) struct Newcomer {
    peer: Peer,
    question: Question,
}

/// No two are alike, so no answer is taken for another's.
#[derive(Clone, Copy, Debug)]
struct Question {
    language: Language,
    number: u32,
}

impl Bystanders {
    /// The first one connects, and is served.
    #[track_caller]
    pub(crate) fn arrive(addr: SocketAddr, language: Language) -> Self {
        let mut bystanders = Self { addr, language, known: Peer::connect(addr), asked: 0 };
        bystanders.known_is_served();
        bystanders
    }

    /// The one that is connected is served, and so is a new one.
    ///
    /// A server hears of things in the order in which they happened. So when this returns, it has seen what others had
    /// sent before, and has had a turn to act on it.
    #[track_caller]
    pub(crate) fn are_served(&mut self) {
        self.known_is_served();
        self.newcomer().is_served();
        self.known_is_served();
    }

    /// The one that is connected is served: all that can be asked while there are no files for new ones.
    #[track_caller]
    pub(crate) fn known_is_served(&mut self) {
        let question = self.next_question();
        question.ask(&mut self.known);
        question.is_answered(&mut self.known);
    }

    /// The one that is connected sees the server end the connection, and closes it too.
    #[track_caller]
    pub(crate) fn leave(mut self) {
        assert_eq!(self.known.read_to_end(), (String::new(), End::Closed));
    }

    /// A new one connects and asks.
    #[track_caller]
    pub(crate) fn newcomer(&mut self) -> Newcomer {
        let question = self.next_question();
        let mut peer = Peer::connect(self.addr);
        question.ask(&mut peer);
        Newcomer { peer, question }
    }

    fn next_question(&mut self) -> Question {
        self.asked += 1;
        Question { language: self.language, number: self.asked }
    }
}

impl Newcomer {
    /// It gets its answer.
    #[track_caller]
    pub(crate) fn is_served(&mut self) {
        self.question.is_answered(&mut self.peer);
    }

    /// Whether it has no answer yet.
    #[track_caller]
    pub(crate) fn is_waiting(&mut self) -> bool {
        self.peer.hears_nothing()
    }
}

impl Question {
    #[track_caller]
    fn ask(self, peer: &mut Peer) {
        let text = self.text();
        peer.send(match self.language {
            Language::Http => format!("GET /{text} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes(),
            Language::Lines => format!("{text}\n").into_bytes(),
            Language::Frames => self.frame(),
        });
    }

    #[track_caller]
    fn is_answered(self, peer: &mut Peer) {
        let text = self.text();
        let end = match self.language {
            Language::Http => format!("\r\n\r\nhello, {text}\n"),
            Language::Lines => format!("{text}\n"),
            Language::Frames => String::from_utf8(self.frame()).expect("it is short"),
        };
        let answer = peer.read_until(|answer| answer.len() >= end.len() && answer.ends_with(&end));
        let is_whole = match self.language {
            Language::Http => {
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.matches("HTTP/").count() == 1
            }
            Language::Lines | Language::Frames => answer == end,
        };
        assert!(is_whole, "asked {text}, and heard {answer}");
    }

    fn text(self) -> String {
        format!("bystander-{}", self.number)
    }

    fn frame(self) -> Vec<u8> {
        let text = self.text();
        let length = u32::try_from(text.len()).expect("it is short").to_be_bytes();
        [&length, text.as_bytes()].concat()
    }
}
