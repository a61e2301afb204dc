//! What nobody asked for: messages of channels, and keys that have changed.

use ekiden::redis::client::{Config, Tracking};
use ekiden::redis::{Ask, Client, Command, Event, Invalidation, Message};
use ekiden::{Service, spawn};

use crate::{both_versions, run, server};

/// How many heard it.
async fn publish(client: &Client, channel: &str, text: &str) -> i64 {
    client.ask(Command::new("PUBLISH").arg(channel).arg(text).typed()).await.unwrap()
}

fn told(event: Event) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match event {
        Event::Message(Message { channel, pattern, payload, .. }) => match pattern {
            None => format!("{}: {}", text(&channel), text(&payload)),
            Some(pattern) => format!("{} by {}: {}", text(&channel), text(&pattern), text(&payload)),
        },
        Event::Missed => "missed".to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn messages_come_by_channel_and_by_pattern_in_either_version() {
    let server = server();
    run(async {
        for config in both_versions() {
            let client = Client::with_config(server.addr(), config);
            let mut news = client.subscriber();
            news.subscribe(["weather", "sport"]).await.unwrap();
            news.psubscribe(["w*"]).await.unwrap();
            news.ssubscribe(["shard"]).await.unwrap();
            assert_eq!(publish(&client, "weather", "rain").await, 2);
            assert_eq!(publish(&client, "sport", "2:1").await, 1);
            client.call(Command::new("SPUBLISH").arg("shard").arg("here")).await.unwrap();
            news.unsubscribe(["weather"]).await.unwrap();
            assert_eq!(publish(&client, "weather", "sun").await, 1);
            let mut heard = Vec::new();
            for _ in 0..5 {
                heard.push(told(news.next().await.unwrap()));
            }
            let expect =
                ["weather: rain", "weather by w*: rain", "sport: 2:1", "shard: here", "weather by w*: sun"];
            assert_eq!(heard, expect);
        }
    });
}

#[test]
fn a_subscriber_is_back_when_the_server_is_and_says_what_it_may_have_missed() {
    let mut server = server();
    run(async {
        let client = Client::new(server.addr());
        let mut news = client.subscriber();
        news.subscribe(["weather"]).await.unwrap();
        publish(&client, "weather", "rain").await;
        assert_eq!(told(news.next().await.unwrap()), "weather: rain");
        server.restart();
        assert_eq!(told(news.next().await.unwrap()), "missed");
        let listening = spawn(async move { told(news.next().await.unwrap()) });
        // It has said that it subscribes, and nobody knows when the server hears it.
        while publish(&client, "weather", "sun").await == 0 {
            ekiden::yield_now().await;
        }
        assert_eq!(listening.await.unwrap(), "weather: sun");
    });
}

#[test]
fn what_the_server_does_not_allow_is_told_and_not_asked_again() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let rule = ["SETUSER", "clerk", "on", ">pw", "+@all", "resetchannels", "&open"];
        client.call(Command::new("ACL").arg(rule)).await.unwrap();
        let mut config = Config::default();
        (config.username, config.password) = (Some("clerk".into()), Some("pw".into()));
        let mut news = Client::with_config(server.addr(), config).subscriber();
        let error = news.subscribe(["closed"]).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), "NOPERM");
        news.subscribe(["open"]).await.unwrap();
        publish(&client, "open", "hello").await;
        assert_eq!(told(news.next().await.unwrap()), "open: hello");
    });
}

#[test]
fn a_key_that_others_change_is_told() {
    let mut server = server();
    run(async {
        let mut config = Config::default();
        config.tracking = Some(Tracking::default());
        let client = Client::with_config(server.addr(), config);
        let mut changes = client.invalidations();
        let other = Client::new(server.addr());
        let set = |key: &str| Command::new("SET").arg(key).arg(1);

        client.call(Command::new("GET").arg("read")).await.unwrap();
        other.call(set("unread")).await.unwrap();
        other.call(set("read")).await.unwrap();
        assert_eq!(changes.next().await, Some(Invalidation::Key("read".into())));

        client.call(Command::new("GET").arg("read")).await.unwrap();
        other.call(Command::new("FLUSHALL")).await.unwrap();
        assert_eq!(changes.next().await, Some(Invalidation::All));

        server.kill();
        assert_eq!(changes.next().await, Some(Invalidation::All), "nobody tells what changes any more");
        drop(client);
        assert_eq!(changes.next().await, None);
    });
}

#[test]
fn keys_with_a_prefix_are_told_whoever_reads_them() {
    let server = server();
    run(async {
        let mut config = Config::default();
        let mut tracking = Tracking::default();
        tracking.prefixes = vec!["user:".into()];
        config.tracking = Some(tracking);
        let client = Client::with_config(server.addr(), config);
        let mut changes = client.invalidations();
        client.connect().await.unwrap();
        let other = Client::new(server.addr());
        other.call(Command::new("SET").arg("other:1").arg(1)).await.unwrap();
        other.call(Command::new("SET").arg("user:1").arg(1)).await.unwrap();
        assert_eq!(changes.next().await, Some(Invalidation::Key("user:1".into())));
    });
}
