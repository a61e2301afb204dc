//! The connection, and all connections of the server.

use std::time::Duration;

use ekiden::redis::commands::*;

use super::{Over, Step, ends, fails, fits, is, play, text};

#[test]
fn connections() {
    play(&[], Over::Own, table);
}

pub(super) fn table() -> Vec<Step> {
    let soon = Duration::from_millis(1);
    vec![
        is(ping(), ()),
        is(ping_message("hi"), "hi".to_owned()),
        is(echo("hi"), "hi".to_owned()),
        fails(auth("secret"), "without any password configured"),
        is(auth_user("default", "any"), ()),
        fails(auth_user("none", "any"), "WRONGPASS"),
        is(select(1), ()),
        fails(select(1000), "out of range"),
        is(client_getname(), None),
        is(client_setname("me"), ()),
        is(client_getname(), text("me")),
        fits(client_id(), |id| *id > 0),
        fits(client_info(), |me| {
            (me.name.as_deref(), me.db, &me.cmd[..], me.user.as_deref())
                == (Some("me"), 1, "client|info", Some("default"))
        }),
        fits(client_list(), |clients| clients.iter().any(|client| client.name.as_deref() == Some("me"))),
        fits(client_list().of_type(ClientType::Normal), |clients| !clients.is_empty()),
        is(client_list().of_type(ClientType::Primary), vec![]),
        is(client_list().of_type(ClientType::Replica), vec![]),
        is(client_list().of_type(ClientType::Pubsub), vec![]),
        is(client_list().ids([100_000, 100_001]), vec![]),
        is(client_getredir(), -1),
        fits(client_trackinginfo(), |info| {
            info.flags == ["off"] && info.redirect == -1 && info.prefixes.is_empty()
        }),
        is(client_tracking(Switch::On).optin().noloop(), ()),
        is(client_caching(Switch::On), ()),
        is(client_getredir(), 0),
        is(client_tracking(Switch::Off), ()),
        is(client_tracking(Switch::On).optout(), ()),
        is(client_caching(Switch::Off), ()),
        is(client_tracking(Switch::Off), ()),
        is(client_tracking(Switch::On).bcast().prefix("a:").prefix("b:"), ()),
        fits(client_trackinginfo(), |info| {
            info.flags.contains(&"bcast".to_owned()) && info.prefixes.len() == 2
        }),
        is(client_tracking(Switch::Off), ()),
        fails(client_tracking(Switch::On).redirect(100_000), "does not exist"),
        is(client_no_evict(Switch::On), ()),
        is(client_no_evict(Switch::Off), ()),
        is(client_kill().id(100_000).user("default").addr("127.0.0.1:1").laddr("127.0.0.1:1").skipme(), 0),
        is(client_kill().of_type(ClientType::Pubsub).including_me(), 0),
        is(client_unblock(100_000), false),
        is(client_unblock(100_000).error(), false),
        is(client_unblock(100_000).timeout(), false),
        is(client_pause(soon), ()),
        is(client_pause(soon).write(), ()),
        is(client_pause(soon).all(), ()),
        is(client_unpause(), ()),
        fits(hello(3).auth("default", "any").setname("you"), |server| {
            (&server.server[..], server.protocol, &server.role[..]) == ("redis", 3, "master")
                && (&server.mode[..], server.modules.len()) == ("standalone", 0)
        }),
        is(client_getname(), text("you")),
        fits(hello(2), |server| server.protocol == 2 && server.version.starts_with("7.0.")),
        is(reset(), ()),
        is(client_getname(), None),
        is(quit(), ()),
        ends(ping()),
    ]
}
