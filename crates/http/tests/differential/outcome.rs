//! What came of a connection, in the same words for both servers.

use std::fmt;

/// What the service saw, and how the connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) exchanges: Vec<Exchange>,
    /// How often the client was told to go on with its body.
    pub(crate) continues: usize,
    pub(crate) end: End,
}

/// A request, as the service saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Method, target, version unless it is 1.1, fields but for `Host: a`.
    pub(crate) head: String,
    /// `None` if it did not come to its end.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) trailers: Vec<String>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server would have taken another request.
    Kept,
    /// The last answer was the last.
    Closed,
    /// Something was not understood; with the status that said so, if one did.
    Refused(Option<u16>),
    /// The client ended in the middle of something, and was told so, or not.
    CutShort(Option<u16>),
}

/// How two outcomes compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// We refuse what hyper takes, and agree on all before it.
    WeRefuse,
    Different,
}

impl Outcome {
    /// How ours compares with hyper's. Which status says no, and how soon, is a matter of taste.
    pub(crate) fn compare(&self, hyper: &Self) -> Verdict {
        if self.whole() == hyper.whole() && self.end.class() == hyper.end.class() {
            return if self.continues == hyper.continues { Verdict::Same } else { Verdict::Different };
        }
        let is_refusal = self.end.class() == Class::Refused;
        if is_refusal && hyper.whole().starts_with(self.whole()) {
            Verdict::WeRefuse
        } else {
            Verdict::Different
        }
    }

    /// The exchanges whose requests came to their end: what a client can believe to have happened.
    fn whole(&self) -> &[Exchange] {
        let count = self.exchanges.iter().take_while(|exchange| exchange.body.is_some()).count();
        &self.exchanges[..count]
    }
}

#[derive(PartialEq, Eq)]
enum Class {
    Kept,
    Closed,
    Refused,
}

impl End {
    fn class(self) -> Class {
        match self {
            Self::Kept => Class::Kept,
            Self::Closed => Class::Closed,
            Self::Refused(_) | Self::CutShort(_) => Class::Refused,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = (String::new(), 0);
        for exchange in &self.exchanges {
            let text = exchange.to_string();
            if text == last.0 {
                last.1 += 1;
                continue;
            }
            write_times(f, &last)?;
            last = (text, 1);
        }
        write_times(f, &last)?;
        if self.continues > 0 {
            write!(f, "go on, ")?;
        }
        write!(f, "{}", self.end)
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, (text, times): &(String, usize)) -> fmt::Result {
    match times {
        0 => Ok(()),
        1 => write!(f, "{text}, "),
        _ => write!(f, "{text} ×{times}, "),
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&abbreviated(&self.head))?;
        match &self.body {
            None => f.write_str(" broken")?,
            Some(body) if body.is_empty() => {}
            Some(body) => write!(f, " \"{}\"", abbreviated(&body.escape_ascii().to_string()))?,
        }
        if !self.trailers.is_empty() {
            write!(f, " ({})", abbreviated(&self.trailers.join("; ")))?;
        }
        Ok(())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, status) = match self {
            Self::Kept => ("kept", None),
            Self::Closed => ("closed", None),
            Self::Refused(status) => ("refused", *status),
            Self::CutShort(status) => ("cut short", *status),
        };
        f.write_str(word)?;
        status.map_or(Ok(()), |status| write!(f, " {status}"))
    }
}

/// A long text as its ends and its length; the texts that are compared have no difference in the middle alone.
fn abbreviated(text: &str) -> String {
    const SHOWN_MAX: usize = 160;
    const END: usize = 20;
    let count = text.chars().count();
    if count <= SHOWN_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(END).collect();
    let end: String = text.chars().skip(count - END).collect();
    format!("{start}…{count}…{end}")
}
