//! What nobody asked for: messages of channels, and keys that have changed.

use std::time::Duration;

use ekiden::redis::client::{Config, Tracking};
use ekiden::redis::{Ask, Client, Command, Event, Invalidation, Message, Subscriber};
use ekiden::{Service, spawn, timeout};
use ekiden_tests::RedisServer;

use crate::{both_versions, run, server};

/// How many heard it.
async fn publish(client: &Client, channel: &str, text: &str) -> i64 {
    client.ask(Command::new("PUBLISH").arg(channel).arg(text).typed()).await.unwrap()
}

/// What it hears first of what is published there, which begins when somebody is subscribed.
async fn hears(client: &Client, mut news: Subscriber, channel: &str) -> String {
    let listening = spawn(async move { told(news.next().await.unwrap()) });
    let published = async {
        while publish(client, channel, "hello").await == 0 {
            ekiden::yield_now().await;
        }
        listening.await.unwrap()
    };
    timeout(Duration::from_secs(30), published).await.expect("it is subscribed to it")
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
        // It has said that it subscribes, and nobody knows when the server hears it.
        assert_eq!(hears(&client, news, "weather").await, "weather: hello");
    });
}

#[test]
fn a_server_that_is_full_for_a_moment_ends_no_subscription() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let rejected = async || {
            let stats = client.ask(Command::new("INFO").arg("stats").typed::<String>()).await.unwrap();
            let line = stats.lines().find_map(|line| line.strip_prefix("rejected_connections:"));
            line.unwrap().parse::<u64>().unwrap()
        };
        let clients_max = async |count: u32| {
            client.call(Command::new("CONFIG SET").arg(("maxclients", count))).await.unwrap()
        };
        for config in both_versions() {
            let mut news = Client::with_config(server.addr(), config).subscriber();
            news.subscribe(["weather"]).await.unwrap();
            let before = rejected().await;
            clients_max(1).await;
            client.call(Command::new("CLIENT KILL TYPE pubsub")).await.unwrap();
            let listening = spawn(async move {
                let event = news.next().await;
                (event, news)
            });
            while rejected().await == before {
                ekiden::yield_now().await;
            }
            clients_max(100).await;
            let (event, news) = timeout(Duration::from_secs(30), listening).await.unwrap().unwrap();
            assert_eq!(told(event.unwrap()), "missed");
            assert_eq!(hears(&client, news, "weather").await, "weather: hello");
        }
    });
}

#[test]
fn one_channel_that_is_not_allowed_any_more_takes_no_other_with_it() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let rule =
            async |rule: &[&str]| client.call(Command::new("ACL SETUSER clerk").arg(rule)).await.unwrap();
        rule(&["on", ">pw", "+@all", "resetchannels", "&a", "&b", "&c"]).await;
        let mut config = Config::default();
        (config.username, config.password) = (Some("clerk".into()), Some("pw".into()));
        let mut news = Client::with_config(server.addr(), config).subscriber();
        news.subscribe(["a", "b"]).await.unwrap();
        news.subscribe(["c"]).await.unwrap();
        // This ends its connection.
        rule(&["resetchannels", "&a", "&c"]).await;
        assert_eq!(told(news.next().await.unwrap()), "missed");
        let error = timeout(Duration::from_secs(30), news.next()).await.unwrap().unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), "NOPERM");
        assert_eq!(publish(&client, "b", "hello").await, 0);
        assert_eq!(hears(&client, news, "c").await, "c: hello");
    });
}

#[test]
fn what_was_refused_with_the_connection_is_not_subscribed_to() {
    let server = RedisServer::start(&["--requirepass", "secret"]);
    run(async {
        let mut config = Config::default();
        config.password = Some("secret".into());
        let client = Client::with_config(server.addr(), config.clone());
        client.connect().await.unwrap();
        config.password = Some("later".into());
        let mut news = Client::with_config(server.addr(), config).subscriber();
        let error = news.subscribe(["a"]).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), "WRONGPASS");
        client.call(Command::new("CONFIG SET").arg(("requirepass", "later"))).await.unwrap();
        news.subscribe(["b"]).await.unwrap();
        assert_eq!(publish(&client, "a", "hello").await, 0);
        assert_eq!(publish(&client, "b", "hello").await, 1);
    });
}

#[test]
fn a_channel_that_the_server_takes_away_is_asked_for_again_and_told() {
    let server = RedisServer::start(&["--cluster-enabled", "yes"]);
    run(async {
        let client = Client::new(server.addr());
        let cluster = async |what: Command| client.call(what).await.unwrap();
        cluster(Command::new("CLUSTER ADDSLOTSRANGE").arg((0, 16383))).await;
        let is_up = async || {
            let info = client.ask(Command::new("CLUSTER INFO").typed::<String>()).await.unwrap();
            info.contains("cluster_state:ok")
        };
        while !is_up().await {
            ekiden::yield_now().await;
        }
        let mut news = client.subscriber();
        news.ssubscribe(["shard"]).await.unwrap();
        let slot = client.ask(Command::new("CLUSTER KEYSLOT shard").typed::<u16>()).await.unwrap();
        cluster(Command::new("CLUSTER DELSLOTS").arg(slot)).await;
        let hears =
            async |news: &mut Subscriber| timeout(Duration::from_secs(30), news.next()).await.unwrap();
        assert_eq!(told(hears(&mut news).await.unwrap()), "missed");
        let error = hears(&mut news).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), "CLUSTERDOWN");
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
    let mut server = server();
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

        // And when the server was away, though nobody calls.
        server.kill();
        assert_eq!(changes.next().await, Some(Invalidation::All));
        server.restart();
        let is_back = timeout(Duration::from_secs(30), changes.next()).await.expect("it is back");
        assert_eq!(is_back, Some(Invalidation::All), "what was read meanwhile may have changed");
        other.call(Command::new("SET").arg("user:2").arg(1)).await.unwrap();
        assert_eq!(changes.next().await, Some(Invalidation::Key("user:2".into())));
        drop(client);
        assert_eq!(changes.next().await, None);
    });
}
