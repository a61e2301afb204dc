//! The redis crate's multiplexed connection: `redis-redis client ADDR SCENARIO N`, or `redis-redis list`.
//!
//! Set up after <https://docs.rs/redis/latest/redis/#async>: the tasks share one connection, by clones.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::Redis;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncCommands, Client, IntoConnectionInfo, RedisError};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Some(asked) = Redis::from_args()? else { return Ok(()) };
    let info = format!("redis://{}/", asked.addr).into_connection_info()?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let mut connection = Client::open(info)?.get_multiplexed_async_connection().await?;
    let () = connection.set(Redis::KEY, Redis::VALUE).await?;

    calls::measure(asked.scenario, asked.calls, async |calls| {
        let tasks = calls::shares(calls, asked.tasks).map(|share| {
            let connection = connection.clone();
            if asked.set {
                tokio::spawn(sets(connection, share))
            } else {
                tokio::spawn(gets(connection, share))
            }
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
    .await
}

async fn gets(mut connection: MultiplexedConnection, calls: u64) -> Result<(), RedisError> {
    for _ in 0..calls {
        let answer: Bytes = connection.get(Redis::KEY).await?;
        assert_eq!(answer, Redis::VALUE);
    }
    Ok(())
}

async fn sets(mut connection: MultiplexedConnection, calls: u64) -> Result<(), RedisError> {
    for _ in 0..calls {
        let () = connection.set(Redis::KEY, Redis::VALUE).await?;
    }
    Ok(())
}
