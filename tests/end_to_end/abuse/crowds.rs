//! Many connections at once, and many that break.

use std::fs;
use std::process::Command;

use super::bystanders::{Bystanders, Language};
use super::peer::Peer;
use super::started::Started;

/// So many connections are opened by a client that has nothing to say.
const SILENT: usize = 3000;

#[test]
fn thousands_that_say_nothing_cost_little_and_hold_up_nobody() {
    allow_files(SILENT + 500);
    let server = Started::new("hello");
    let mut bystanders = Bystanders::arrive(server.addr, Language::Http);
    let (files, memory) = (server.files(), server.memory_peak_kib());
    let mut silent = Vec::new();
    while silent.len() < SILENT {
        silent.extend((0..100).map(|_| Peer::connect(server.addr)));
        bystanders.are_served();
    }
    // Newcomers who left may not have been seen to leave yet.
    let held = server.files() - files;
    assert!((SILENT..=SILENT + 1).contains(&held), "it has {held} of {SILENT} connections");
    let bytes = (server.memory_peak_kib() - memory) * 1024 / SILENT as u64;
    assert!(bytes < 2048, "each costs {bytes} bytes");
    assert!(silent.iter_mut().all(Peer::hears_nothing), "one was closed");
    drop(silent);
    bystanders.are_served();
    assert_eq!(server.finish(), [""; 0]);
}

#[test]
fn a_reset_at_any_time_harms_one_connection() {
    let server = Started::new("hello");
    let mut bystanders = Bystanders::arrive(server.addr, Language::Http);
    let files = server.files();
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
    for sent in [
        "",
        &get[..1],
        &get[..20],
        get,
        &get.repeat(100),
        post,
        &format!("{post}begun"),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        // Before the server has seen what was sent, and after.
        for is_seen in [false, true] {
            let abusers = (0..20).map(|_| {
                let mut abuser = Peer::connect(server.addr);
                abuser.send(sent);
                abuser
            });
            let abusers: Vec<_> = abusers.collect();
            if is_seen {
                bystanders.are_served();
            }
            abusers.into_iter().for_each(Peer::reset);
            bystanders.are_served();
        }
    }
    let left = (0..100).find(|_| {
        bystanders.are_served();
        server.files() <= files + 1
    });
    assert!(left.is_some(), "{} connections are left", server.files() - files);
    assert_eq!(server.finish(), [""; 0]);
}

#[test]
fn a_flood_of_calls_to_what_is_behind_waits_and_is_answered() {
    const AT_ONCE: usize = 16;
    let server = Started::new("axum");
    let flood = "GET /greet/Ada HTTP/1.1\r\nHost: x\r\n\r\n".repeat(AT_ONCE);
    let mut crowd: Vec<_> = (0..50).map(|_| Peer::connect(server.addr)).collect();
    crowd.iter_mut().for_each(|one| one.send(&flood));
    for one in &mut crowd {
        let is_whole = |heard: &str| heard.ends_with('\n') && !heard.ends_with("\r\n");
        let all = |heard: &str| heard.matches("HTTP/1.1 ").count() == AT_ONCE && is_whole(heard);
        let heard = one.read_until(all);
        assert_eq!(heard.matches("HTTP/1.1 200 OK\r\n").count(), AT_ONCE, "{heard}");
    }
    assert_eq!(server.finish(), [""; 0]);
}

/// Sees to it that this process, and those that it starts, may have so many open files.
fn allow_files(files: usize) {
    let limits = fs::read_to_string("/proc/self/limits").expect("the kernel has the table");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut limit = limit.expect("it is in the table").split_whitespace();
    let (soft, hard) = (limit.next().expect("it has two"), limit.next().expect("it has two"));
    let is_enough = |limit: &str| limit.parse().map_or(limit == "unlimited", |limit: usize| limit >= files);
    assert!(is_enough(hard), "this test needs {files} open files: raise the hard limit, see `ulimit -Hn`");
    if !is_enough(soft) {
        // A process's limits are raised from inside by unsafe code, and from outside by a program of every Debian.
        let limit = format!("--nofile={files}:{hard}");
        let raised =
            Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &limit]).status();
        assert!(raised.is_ok_and(|status| status.success()), "prlimit cannot raise the limit on open files");
    }
}
