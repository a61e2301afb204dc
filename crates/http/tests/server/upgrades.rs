//! Connections that leave HTTP.

use crate::script::check;

#[test]
fn an_upgrade_takes_along_what_was_read() {
    check(
        r"
        send GET /upgrade HTTP/1.1\nHost: x\nConnection: upgrade\nUpgrade: echo\n\nhello
        wire => HTTP/1.1 101 Switching Protocols\nupgrade: echo\nconnection: upgrade\n\n> hello
        ended => ok
        send world
        wire => > world
        close
        client => gone
        ",
    );
}

#[test]
fn an_offer_need_not_be_taken_up() {
    check(
        r"
        send GET /a HTTP/1.1\nHost: x\nConnection: upgrade\nUpgrade: echo\n\nGET /b HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/aHTTP/1.1 200 OK\ncontent-length: 2\n\n/b
        client => open
        ",
    );
}

#[test]
fn connect_makes_a_tunnel() {
    check(
        r"
        send CONNECT a:1 HTTP/1.1\nHost: a:1\n\nhello
        wire => HTTP/1.1 200 OK\n\n> hello
        ended => ok
        send world
        wire => > world
        ",
    );
}

#[test]
fn a_tunnel_that_nobody_takes_is_none() {
    for host in ["ignored", "echoed", "dropped", "unheard"] {
        check(&format!(
            r"
            send CONNECT {host}:1 HTTP/1.1\nHost: {host}:1\n\nhello
            wire => HTTP/1.1 501 Not Implemented\ncontent-length: 16\nconnection: close\n\nNot Implemented⏎
            told =>
            client => closing
            "
        ));
    }
}

#[test]
fn any_2xx_makes_a_tunnel_and_a_refusal_stays_what_it_is() {
    check(
        r"
        send CONNECT accepted:1 HTTP/1.1\nHost: accepted:1\n\nhello
        wire => HTTP/1.1 202 Accepted\n\n> hello
        ended => ok
        ",
    );
    check(
        r"
        send CONNECT refused:1 HTTP/1.1\nHost: refused:1\n\nhello
        wire => HTTP/1.1 407 Proxy Authentication Required\ncontent-length: 12\nconnection: close\n\nwho are you?
        client => closing
        ",
    );
}

#[test]
fn an_upgrade_that_was_granted_and_not_taken_ends_the_connection() {
    // Nobody grants one by accident, as any answer to a CONNECT does: what the service says is said.
    check(
        r"
        send GET /upgrade/dropped HTTP/1.1\nHost: x\nConnection: upgrade\nUpgrade: echo\n\nhello
        wire => HTTP/1.1 101 Switching Protocols\nupgrade: echo\nconnection: upgrade\n\n
        told =>
        client => gone
        ",
    );
}
