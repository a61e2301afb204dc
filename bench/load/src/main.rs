//! The load of echo, and of HTTP at a fixed pace: many connections from one thread on epoll.
//!
//! It speaks to whoever started it by lines: `measuring` when the warm-up is over, and at the end a report as JSON. It
//! never pins itself, and never decides what is measured.
//!
//! ```text
//! load echo ADDR --connections N (--bytes N | --http) [--warm-up SECONDS] (--seconds SECONDS | --requests N) [--pace PER_SECOND [--sleep]]
//!     [--heavy-every N --heavy-micros MICROSECONDS]
//! load hold ADDR --connections N [--http]
//! ```
#![forbid(unsafe_code)]

mod echo;
mod connection;
mod speech;
mod schedule;
mod report;
mod hold;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use echo::{Echo, Until};
use speech::Speech;

fn main() -> Result<(), Box<dyn Error>> {
    let mut parser = Parser::from_env();
    let what = parser.value()?.string()?;
    let addr: SocketAddr = parser.value()?.parse()?;
    let echo = options(parser)?;
    match what.as_str() {
        "echo" => echo::run(addr, &echo)?,
        "hold" => hold::run(addr, echo.connections, echo.speech)?,
        _ => return Err(format!("`{what}` is neither `echo` nor `hold`").into()),
    }
    Ok(())
}

fn options(mut parser: Parser) -> Result<Echo, lexopt::Error> {
    let mut echo = Echo::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("connections") => echo.connections = parser.value()?.parse()?,
            Arg::Long("bytes") => echo.speech = Speech::Echo { bytes: parser.value()?.parse()? },
            Arg::Long("http") => echo.speech = Speech::Http,
            Arg::Long("warm-up") => echo.warm_up = seconds(&mut parser)?,
            Arg::Long("seconds") => echo.until = Until::Passed(seconds(&mut parser)?),
            Arg::Long("requests") => echo.until = Until::Done(parser.value()?.parse()?),
            Arg::Long("pace") => echo.pace = Some(parser.value()?.parse()?),
            Arg::Long("sleep") => echo.sleeps = true,
            Arg::Long("heavy-every") => echo.heavy.get_or_insert_default().0 = parser.value()?.parse()?,
            Arg::Long("heavy-micros") => echo.heavy.get_or_insert_default().1 = parser.value()?.parse()?,
            _ => return Err(argument.unexpected()),
        }
    }
    if let Some((every, _)) = &mut echo.heavy {
        *every = (*every).max(1);
    }
    Ok(echo)
}

fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_secs_f64(parser.value()?.parse()?))
}
