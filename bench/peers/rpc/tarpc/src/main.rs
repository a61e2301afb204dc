//! RPC on tarpc: one connection, bincode on length-delimited frames, tokio's current-thread runtime on both sides.
//!
//! `rpc-tarpc server ADDR`, `rpc-tarpc client ADDR SCENARIO N`, `rpc-tarpc list`.
//!
//! Set up after <https://github.com/google/tarpc/blob/main/tarpc/examples/custom_transport.rs>, which gives access to the
//! socket for TCP_NODELAY; requests are spawned as there and in its `example-service`.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::{Asked, Rpc, Streams};
use futures::StreamExt;
use tarpc::client::{self, RpcError};
use tarpc::context::{self, Context};
use tarpc::serde_transport as transport;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::length_delimited::LengthDelimitedCodec;
use tokio::net::{TcpListener, TcpStream};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tarpc::service]
trait Echo {
    async fn echo(body: Bytes) -> Bytes;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Rpc::from_args(Streams::Unknown)? {
        Some(Rpc::Server(addr)) => serve(&addr).await,
        Some(Rpc::Client(asked)) => ask(asked).await,
        None => Ok(()),
    }
}

#[derive(Clone)]
struct Server;

impl Echo for Server {
    async fn echo(self, _: Context, body: Bytes) -> Bytes {
        body
    }
}

async fn serve(addr: &str) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let transport =
            transport::new(LengthDelimitedCodec::builder().new_framed(stream), Bincode::default());
        let channel = BaseChannel::with_defaults(transport).execute(Server.serve());
        tokio::spawn(channel.for_each(async |request| drop(tokio::spawn(request))));
    }
}

async fn ask(asked: Asked) -> Result<()> {
    let stream = TcpStream::connect(asked.addr).await?;
    stream.set_nodelay(true)?;
    let transport = transport::new(LengthDelimitedCodec::builder().new_framed(stream), Bincode::default());
    let client = EchoClient::new(client::Config::default(), transport).spawn();
    let body = Bytes::from(vec![7; asked.size]);
    calls::measure(asked.scenario, asked.calls, async |calls| {
        let tasks = calls::shares(calls, asked.in_flight)
            .map(|share| tokio::spawn(call(client.clone(), body.clone(), share)));
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
    .await
}

async fn call(client: EchoClient, body: Bytes, calls: u64) -> Result<(), RpcError> {
    for _ in 0..calls {
        let answer = client.echo(context::current(), body.clone()).await?;
        assert_eq!(answer.len(), body.len());
    }
    Ok(())
}
