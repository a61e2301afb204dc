//! What is asked on a connection, and how long its answer is.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

#[derive(Clone, Copy)]
pub(crate) enum Speech {
    /// A message of this many bytes, which comes back.
    Echo { bytes: usize },
    /// `GET /` by HTTP/1.1 with keep-alive, as every HTTP peer of the bench answers it.
    Http,
}

impl Speech {
    pub(crate) fn request(self) -> Vec<u8> {
        match self {
            Self::Echo { bytes } => frame(bytes),
            Self::Http => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        }
    }

    /// The request of a connection whose requests are heavy: the server is to work so long for each. Only servers that
    /// are made for it know how, and to others it is a message like any other.
    pub(crate) fn heavy_request(self, micros: u32) -> Vec<u8> {
        let mut request = self.request();
        request[4] = b'w';
        request[5..9].copy_from_slice(&micros.to_be_bytes());
        request
    }

    /// How many bytes each answer has, which one request tells: servers answer alike to the byte.
    pub(crate) fn reply_bytes(self, addr: SocketAddr) -> Result<usize> {
        self.ask(&mut TcpStream::connect(addr)?)
    }

    /// Asks once, and says how many bytes the answer had.
    pub(crate) fn ask(self, stream: &mut TcpStream) -> Result<usize> {
        let request = self.request();
        stream.write_all(&request)?;
        let mut reply = Vec::new();
        let mut buf = [0; 4096];
        while !self.is_whole(&reply, &request) {
            match stream.read(&mut buf)? {
                0 => {
                    return Err(Error::new(
                        ErrorKind::UnexpectedEof,
                        "the server closed before its reply was whole",
                    ));
                }
                n => reply.extend_from_slice(&buf[..n]),
            }
        }
        Ok(reply.len())
    }

    fn is_whole(self, reply: &[u8], request: &[u8]) -> bool {
        match self {
            Self::Echo { .. } => reply.len() >= request.len(),
            Self::Http => reply.ends_with(b"Hello, World!"),
        }
    }
}

/// A frame of this many bytes: its length before it, so that servers of frames can be asked by the same load.
fn frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![b'x'; bytes.max(4)];
    let length = u32::try_from(frame.len() - 4).expect("a frame is smaller than 4 GiB");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}
