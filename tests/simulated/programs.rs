//! The examples, by the very functions that their `main`s hand to `run`.

use std::error::Error;
use std::future::Future;

use ekiden::net::TcpListener;
use ekiden::{Signal, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::{client, cores, hello, lines, millis, rpc_example};

/// A server on a host, which ends when it is told to.
fn serve<F>(sim: &Sim, program: fn(TcpListener) -> F)
where
    F: Future<Output = Result<(), Box<dyn Error>>> + 'static,
{
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:80").await.map_err(|error| error.to_string())?;
        program(listener).await.map_err(|error| error.to_string())
    });
}

/// Asks while the link is cut for a moment, and ends the server, which does so in order.
fn ask<F>(sim: &Sim, ask: impl FnOnce() -> F + 'static) -> String
where
    F: Future<Output = Result<Vec<u8>, Box<dyn Error>>> + 'static,
{
    sim.run(async move |sim| {
        sleep(millis(1)).await;
        let faults = sim.clone();
        let faults = spawn(async move {
            sleep(millis(faults.draw(0..=40))).await;
            faults.partition("main", "server");
            // Time-outs of the examples are two seconds and more, and what is lost is sent again after 200 and 600 ms.
            sleep(millis(faults.draw(0..=500))).await;
            faults.heal("main", "server");
        });
        let answer = ask().await.map_err(|error| error.to_string()).unwrap();
        faults.await.unwrap();
        sim.signal("server", Signal::Terminate);
        sleep(std::time::Duration::from_secs(60)).await;
        assert!(!sim.is_up("server"));
        String::from_utf8(answer).unwrap()
    })
}

/// `hello` greets whoever `client` asks for.
#[test]
fn hello_greets_client() {
    check(|sim| {
        serve(&sim, hello::serve);
        let answer = ask(&sim, async || {
            let mut out = Vec::new();
            client::fetch("http://server/Ada".parse()?, &mut out).await?;
            Ok(out)
        });
        assert_eq!(answer, "hello, Ada\n");
    });
}

/// `cores` has as many as the world has, which is one.
#[test]
fn cores_are_one() {
    check(|sim| {
        serve(&sim, cores::serve);
        let answer = ask(&sim, async || {
            let mut out = Vec::new();
            client::fetch("http://server/".parse()?, &mut out).await?;
            Ok(out)
        });
        assert!(answer.starts_with("hello from core") && answer.ends_with("call 1\n"), "{answer}");
    });
}

/// Each of the `lines` is answered by itself.
#[test]
fn lines_come_back() {
    check(|sim| {
        serve(&sim, lines::serve);
        let answer = ask(&sim, async || {
            let mut out = Vec::new();
            lines::ask("server:80", vec!["one".to_owned(), "two".to_owned(), "three".to_owned()], &mut out)
                .await?;
            Ok(out)
        });
        assert_eq!(answer, "one\ntwo\nthree\n");
    });
}

/// The library of `rpc` has what was brought to it.
#[test]
fn rpc_finds_what_was_brought() {
    check(|sim| {
        serve(&sim, rpc_example::serve);
        let answer = ask(&sim, async || {
            let mut out = Vec::new();
            rpc_example::ask("server:80", vec!["Emma".to_owned(), "Ulysses".to_owned()], &mut out).await?;
            Ok(out)
        });
        assert!(
            answer.starts_with("Emma: 474 pages\nUlysses: not here\n2 titles were looked for"),
            "{answer}"
        );
    });
}
