//! RPC on ekiden: one connection, one core on both sides.
//!
//! `rpc-ekiden server ADDR`, `rpc-ekiden client ADDR SCENARIO N`, `rpc-ekiden list`.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::{Asked, Rpc, Streams};
use ekiden::net::TcpListener;
use ekiden::rpc::{self, Client};
use ekiden::spawn;
use futures_util::stream::{self, Stream};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[ekiden::rpc]
trait Echo {
    async fn unary(&self, body: Bytes) -> Bytes;
    async fn stream(&self, messages: u64, size: u64) -> impl Stream<Item = Bytes>;
}

fn main() -> Result<()> {
    match Rpc::from_args(Streams::Known)? {
        Some(Rpc::Server(addr)) => ekiden::run(serve(&addr)),
        Some(Rpc::Client(asked)) => ekiden::run(ask(asked)),
        None => Ok(()),
    }
}

struct Service;

impl Echo for Service {
    async fn unary(&self, body: Bytes) -> Bytes {
        body
    }

    async fn stream(&self, messages: u64, size: u64) -> impl Stream<Item = Bytes> {
        let body = Bytes::from(vec![7; size.min(1 << 20) as usize]);
        stream::iter((0..messages).map(move |_| body.clone()))
    }
}

async fn serve(addr: &str) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening {}", listener.local_addr()?);
    rpc::serve(listener, EchoServer::new(Service)).await?;
    Ok(())
}

async fn ask(asked: Asked) -> Result<()> {
    let client = EchoClient::new(Client::connect(asked.addr).await?);
    let body = Bytes::from(vec![7; asked.size]);
    calls::measure(asked.scenario, asked.calls, async |calls| {
        if asked.in_flight == 0 {
            return Ok(receive(&client, calls, asked.size).await?);
        }
        let tasks = calls::shares(calls, asked.in_flight)
            .map(|share| spawn(call(client.clone(), body.clone(), share)));
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
    .await
}

async fn call(client: EchoClient<Client>, body: Bytes, calls: u64) -> Result<(), rpc::Error> {
    for _ in 0..calls {
        let answer = client.unary(body.clone()).await?;
        assert_eq!(answer.len(), body.len());
    }
    Ok(())
}

async fn receive(client: &EchoClient<Client>, messages: u64, size: usize) -> Result<(), rpc::Error> {
    let mut stream = client.stream(messages, size as u64).await?;
    let mut received = 0;
    while let Some(message) = stream.next().await {
        assert_eq!(message?.len(), size);
        received += 1;
    }
    assert_eq!(received, messages);
    Ok(())
}
