//! What the peers of rpc are asked: `PACKAGE server ADDR`, `PACKAGE client ADDR SCENARIO N`, or `PACKAGE list`.

use std::error::Error;

/// Name, calls in flight, and bytes of a body. With none in flight, one call asks for all of them as a stream.
const SCENARIOS: [(&str, u64, usize); 6] = [
    ("unary_1_64", 1, 64),
    ("unary_64_64", 64, 64),
    ("unary_1_16384", 1, 16_384),
    ("unary_64_16384", 64, 16_384),
    ("stream_64", 0, 64),
    ("stream_16384", 0, 16_384),
];

/// What a peer is to be.
pub enum Rpc {
    /// A server at this address.
    Server(String),
    /// A client that makes these calls.
    Client(Asked),
}

/// The calls of a client.
pub struct Asked {
    /// Where the server is.
    pub addr: String,
    /// What is printed beside the figures.
    pub scenario: &'static str,
    /// How many calls are made at a time. None: as many messages as there are `calls` come as a stream.
    pub in_flight: u64,
    /// Bytes of a body.
    pub size: usize,
    /// How many calls are made in all.
    pub calls: u64,
}

/// Whether a peer knows streams.
#[derive(Clone, Copy, PartialEq)]
pub enum Streams {
    /// It answers one call by many messages.
    Known,
    /// One call has one answer.
    Unknown,
}

impl Rpc {
    /// What the arguments say. For `list`, nothing: the names are printed.
    pub fn from_args(streams: Streams) -> Result<Option<Self>, Box<dyn Error>> {
        let mut able =
            SCENARIOS.iter().filter(|(_, in_flight, _)| *in_flight > 0 || streams == Streams::Known);
        let args: Vec<_> = std::env::args().skip(1).collect();
        match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["list"] => {
                able.for_each(|(name, ..)| println!("{name}"));
                Ok(None)
            }
            ["server"] => Ok(Some(Self::Server("127.0.0.1:0".to_owned()))),
            ["server", addr] => Ok(Some(Self::Server((*addr).to_owned()))),
            ["client", addr, wanted, calls] => {
                let known = able.find(|(name, ..)| name == wanted).ok_or(USAGE)?;
                let &(scenario, in_flight, size) = known;
                let (addr, calls) = ((*addr).to_owned(), calls.parse()?);
                Ok(Some(Self::Client(Asked { addr, scenario, in_flight, size, calls })))
            }
            _ => Err(USAGE.into()),
        }
    }
}

const USAGE: &str = "server ADDR, client ADDR SCENARIO N, with a scenario of the list, or list";
