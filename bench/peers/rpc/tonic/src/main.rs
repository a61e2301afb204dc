//! RPC on tonic: one connection, tokio's current-thread runtime on both sides.
//!
//! `rpc-tonic server ADDR`, `rpc-tonic client ADDR SCENARIO N`, `rpc-tonic list`.
//!
//! Set up after <https://github.com/hyperium/tonic/blob/master/examples/helloworld-tutorial.md> and, for streams, its
//! `routeguide-tutorial.md`. Bodies are `Bytes`, so that neither side copies them.
#![forbid(unsafe_code)]

use std::error::Error;
use std::pin::Pin;

use bytes::Bytes;
use calls::{Asked, Rpc, Streams};
use echo::echo_client::EchoClient;
use echo::echo_server::{Echo, EchoServer};
use echo::{Message, Order};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

#[expect(unreachable_pub, clippy::allow_attributes_without_reason, reason = "that is how tonic makes it")]
mod echo {
    tonic::include_proto!("echo");
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Rpc::from_args(Streams::Known)? {
        Some(Rpc::Server(addr)) => serve(&addr).await,
        Some(Rpc::Client(asked)) => ask(asked).await,
        None => Ok(()),
    }
}

struct Service;

#[tonic::async_trait]
impl Echo for Service {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type StreamStream = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

    async fn stream(&self, request: Request<Order>) -> Result<Response<Self::StreamStream>, Status> {
        let Order { messages, size } = request.into_inner();
        let body = Bytes::from(vec![7; size.min(1 << 20) as usize]);
        let messages = tokio_stream::iter((0..messages).map(move |_| Ok(Message { body: body.clone() })));
        Ok(Response::new(Box::pin(messages)))
    }
}

async fn serve(addr: &str) -> Result<()> {
    let incoming = TcpIncoming::bind(addr.parse()?)?.with_nodelay(Some(true));
    println!("listening {}", incoming.local_addr()?);
    Ok(Server::builder().add_service(EchoServer::new(Service)).serve_with_incoming(incoming).await?)
}

async fn ask(asked: Asked) -> Result<()> {
    let channel = Endpoint::try_from(format!("http://{}", asked.addr))?.tcp_nodelay(true).connect().await?;
    let client = EchoClient::new(channel);
    let body = Bytes::from(vec![7; asked.size]);
    calls::measure(asked.scenario, asked.calls, async |calls| {
        if asked.in_flight == 0 {
            return Ok(receive(client.clone(), calls, asked.size).await?);
        }
        let tasks = calls::shares(calls, asked.in_flight)
            .map(|share| tokio::spawn(call(client.clone(), body.clone(), share)));
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
    .await
}

async fn call(mut client: EchoClient<Channel>, body: Bytes, calls: u64) -> Result<(), Status> {
    for _ in 0..calls {
        let answer = client.unary(Message { body: body.clone() }).await?;
        assert_eq!(answer.get_ref().body.len(), body.len());
    }
    Ok(())
}

async fn receive(mut client: EchoClient<Channel>, messages: u64, size: usize) -> Result<(), Status> {
    let mut stream = client.stream(Order { messages, size: size as u64 }).await?.into_inner();
    let mut received = 0;
    while let Some(message) = stream.next().await {
        assert_eq!(message?.body.len(), size);
        received += 1;
    }
    assert_eq!(received, messages);
    Ok(())
}
