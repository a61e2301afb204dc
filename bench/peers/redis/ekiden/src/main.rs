//! Ekiden's client of redis: `redis-ekiden client ADDR SCENARIO N`, or `redis-ekiden list`.
//!
//! The tasks share one connection, by clones.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::Redis;
use ekiden::redis::{Client, Commands};
use ekiden::spawn;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    ekiden::run(async {
        let Some(asked) = Redis::from_args()? else { return Ok(()) };
        let client = Client::new(asked.addr.clone());
        client.set(Redis::KEY, Redis::VALUE).await?;

        calls::measure(asked.scenario, asked.calls, async |calls| {
            let tasks = calls::shares(calls, asked.tasks).map(|share| {
                let client = client.clone();
                if asked.set { spawn(sets(client, share)) } else { spawn(gets(client, share)) }
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await??;
            }
            Ok(())
        })
        .await
    })
}

async fn gets(client: Client, calls: u64) -> Result<(), ekiden::redis::Error> {
    for _ in 0..calls {
        let answer: Option<Bytes> = client.get(Redis::KEY).await?;
        assert!(answer.is_some_and(|answer| answer == Redis::VALUE));
    }
    Ok(())
}

async fn sets(client: Client, calls: u64) -> Result<(), ekiden::redis::Error> {
    for _ in 0..calls {
        client.set(Redis::KEY, Redis::VALUE).await?;
    }
    Ok(())
}
