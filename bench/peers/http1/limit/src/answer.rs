//! The answer to every request, made anew when the second of its date is over.

use std::time::{SystemTime, UNIX_EPOCH};

use httpdate::fmt_http_date;

pub(crate) struct Answer {
    second: u64,
    keep: Vec<u8>,
    close: Vec<u8>,
}

impl Answer {
    pub(crate) fn new() -> Self {
        let mut answer = Self { second: 0, keep: Vec::new(), close: Vec::new() };
        answer.refresh();
        answer
    }

    /// Called once in a turn of the loop.
    pub(crate) fn refresh(&mut self) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            self.keep = make(now, "");
            self.close = make(now, "connection: close\r\n");
        }
    }

    pub(crate) fn bytes(&self, close: bool) -> &[u8] {
        if close { &self.close } else { &self.keep }
    }
}

fn make(now: SystemTime, connection: &str) -> Vec<u8> {
    let date = fmt_http_date(now);
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n{connection}date: {date}\r\n\r\n\
         Hello, World!"
    )
    .into_bytes()
}
