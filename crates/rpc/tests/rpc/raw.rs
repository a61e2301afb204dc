//! A peer by hand: bytes to a server of ours, or to a client.

use std::net::SocketAddr;

use ekiden_reactor::net::{TcpListener, TcpStream};

use crate::checksum::unchecked;

/// A connection on which the test says each byte.
pub(crate) struct Raw(pub(crate) TcpStream);

/// A hello of version 1 without settings.
pub(crate) const HELLO: &[u8] = b"ekiden\x01\0\0\0";

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.expect("somebody listens"))
    }

    /// Connects, says hello, and reads the server's.
    pub(crate) async fn greet(addr: SocketAddr) -> Self {
        let raw = Self::connect(addr).await;
        raw.send(HELLO).await;
        raw.read_hello().await;
        raw
    }

    /// Takes a client's connection, reads its hello, and says one of so many settings.
    pub(crate) async fn accept(listener: &TcpListener, settings: &[(u16, u32)]) -> Self {
        let raw = Self(listener.accept().await.expect("a client").0);
        raw.read_hello().await;
        let mut hello = b"ekiden\x01\0".to_vec();
        hello.extend((settings.len() as u16 * 6).to_le_bytes());
        for (key, value) in settings {
            hello.extend(key.to_le_bytes());
            hello.extend(value.to_le_bytes());
        }
        raw.send(&hello).await;
        raw
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("to write");
    }

    /// A frame of that kind.
    pub(crate) async fn send_frame(&self, kind: u8, id: u32, payload: &[u8]) {
        self.send(&frame(kind, id, payload)).await;
    }

    pub(crate) async fn read(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut at = 0;
        while at < count {
            let read = self.0.read(&mut bytes[at..]).await.expect("to read");
            assert!(read > 0, "the peer ended after {}", bytes[..at].escape_ascii());
            at += read;
        }
        bytes
    }

    pub(crate) async fn read_hello(&self) -> Vec<u8> {
        let mut hello = self.read(10).await;
        assert_eq!(hello[..8], *b"ekiden\x01\0");
        let length = u16::from_le_bytes([hello[8], hello[9]]);
        hello.extend(self.read(length.into()).await);
        hello
    }

    /// The next frame, which must end with its checksum, without that.
    pub(crate) async fn read_checked(&self) -> Vec<u8> {
        let mut frame = self.read(4).await;
        let length = u32::from_le_bytes(frame[..].try_into().unwrap());
        frame.extend(self.read(length as usize).await);
        unchecked(&frame)
    }

    /// The next frame: its kind, its id, its payload.
    pub(crate) async fn read_frame(&self) -> (u8, u32, Vec<u8>) {
        let header = self.read(9).await;
        let length = u32::from_le_bytes(header[..4].try_into().unwrap()) as usize;
        let id = u32::from_le_bytes(header[5..].try_into().unwrap());
        (header[4], id, self.read(length - 5).await)
    }

    /// Whether the peer ends the connection, whatever it says before.
    pub(crate) async fn is_ended(&self) -> bool {
        let mut buf = [0; 1024];
        loop {
            match self.0.read(&mut buf).await {
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            }
        }
    }
}

pub(crate) fn frame(kind: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((payload.len() + 5) as u32).to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend(id.to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// The payload of a request.
pub(crate) fn request(name: &'static str, flags: u8, arguments: &[u8]) -> Vec<u8> {
    let mut payload = vec![flags];
    payload.extend(ekiden_rpc::Method::new(name).id().to_le_bytes());
    payload.extend(arguments);
    payload
}
