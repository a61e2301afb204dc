//! Ekiden's client of redis: `redis-ekiden client ADDR SCENARIO N`, or `redis-ekiden list`.
//!
//! The tasks share one connection, by clones.
#![forbid(unsafe_code)]

use std::error::Error;

use bytes::Bytes;
use calls::Redis;
use ekiden::redis::{Ask, Client, Command};
use ekiden::spawn;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    ekiden::run(async {
        let Some(asked) = Redis::from_args()? else { return Ok(()) };
        let client = Client::new(asked.addr.clone());
        client.ask(Command::new("SET").arg(Redis::KEY).arg(Redis::VALUE).typed::<()>()).await?;

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
        let answer = client.ask(Command::new("GET").arg(Redis::KEY).typed::<Bytes>()).await?;
        assert_eq!(answer, Redis::VALUE);
    }
    Ok(())
}

async fn sets(client: Client, calls: u64) -> Result<(), ekiden::redis::Error> {
    for _ in 0..calls {
        client.ask(Command::new("SET").arg(Redis::KEY).arg(Redis::VALUE).typed::<()>()).await?;
    }
    Ok(())
}
