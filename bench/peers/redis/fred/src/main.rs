//! fred's client: `redis-fred client ADDR SCENARIO N`, or `redis-fred list`.
//!
//! Set up after <https://docs.rs/fred/latest/fred/#example>: the tasks share one client and its connection, by clones,
//! and what they ask for at once is pipelined by itself.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::Redis;
use fred::prelude::{Builder, Client, ClientLike, Config, Error as FredError, KeysInterface, TcpConfig};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Some(asked) = Redis::from_args()? else { return Ok(()) };
    let mut builder = Builder::from_config(Config::from_url(&format!("redis://{}/", asked.addr))?);
    builder.with_connection_config(|config| {
        config.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() }
    });
    let client = builder.build()?;
    client.init().await?;
    let () = client.set(Redis::KEY, Redis::VALUE, None, None, false).await?;

    calls::measure(asked.scenario, asked.calls, async |calls| {
        let tasks = calls::shares(calls, asked.tasks).map(|share| {
            let client = client.clone();
            if asked.set { tokio::spawn(sets(client, share)) } else { tokio::spawn(gets(client, share)) }
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
    .await
}

async fn gets(client: Client, calls: u64) -> Result<(), FredError> {
    for _ in 0..calls {
        let answer: Bytes = client.get(Redis::KEY).await?;
        assert_eq!(answer, Redis::VALUE);
    }
    Ok(())
}

async fn sets(client: Client, calls: u64) -> Result<(), FredError> {
    for _ in 0..calls {
        let () = client.set(Redis::KEY, Redis::VALUE, None, None, false).await?;
    }
    Ok(())
}
