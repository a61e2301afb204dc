//! What makes connections to one server: [`Connector`].

use std::path::PathBuf;

use ekiden_service::Service;

use super::Client;
use super::config::Config;
use crate::error::Error;

/// A service whose response is a [`Client`] that is connected: for whoever connects again, or keeps several.
///
/// With `Reconnect` of ekiden-middleware it is a client that connects when it is first called, and anew when the connection was
/// lost. It sends no request twice: each call that was under way fails with an error that says whether it can have been
/// begun, and those that were not wait for the next connection, for as long as their time allows.
///
/// Of the limits the shortest counts. `Reconnect` gives an attempt 5 s by default, look-up, connection and handshake together;
/// [`connect_timeout`](Config::connect_timeout) and [`handshake_timeout`](Config::handshake_timeout), 10 s each, matter with
/// it only if they are made shorter, or its own `connect_timeout` longer (`Reconnect::with_config`).
///
/// ```
/// # #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// # trait Greeter { async fn greet(&self, name: String) -> String; }
/// # struct Polite;
/// # impl Greeter for Polite { async fn greet(&self, name: String) -> String { format!("good evening, {name}") } }
/// use ekiden_middleware::MiddlewareExt;
/// use ekiden_rpc::client::Connector;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # let _server = ekiden_rpc::serve(listener, GreeterServer::new(Polite));
/// let client = Connector::tcp(addr).reconnect().timeout(Duration::from_secs(2));
/// let greeter = GreeterClient::new(client);
/// assert_eq!(greeter.greet("Ada".to_owned()).await?, "good evening, Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    config: Config,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

impl Connector {
    /// To a server's address, `host:port`, which is looked up each time.
    pub fn tcp(addr: impl ToString) -> Self {
        Self { config: Config::default(), place: Place::Tcp(addr.to_string()) }
    }

    /// To a server's Unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { config: Config::default(), place: Place::Unix(path.into()) }
    }

    /// The same, with a configuration.
    ///
    /// # Panics
    ///
    /// If no server would speak by it, as [`Client::connect_with`].
    #[must_use]
    pub fn with_config(self, config: Config) -> Self {
        config.assert_sound();
        Self { config, ..self }
    }
}

impl Service for Connector {
    type Req = ();
    type Resp = Client;
    type Error = Error;

    /// Connects, as [`Client::connect`] does.
    async fn call(&self, (): ()) -> Result<Client, Error> {
        let config = self.config.clone();
        match &self.place {
            Place::Tcp(addr) => Client::connect_with(config, addr.as_str()).await,
            Place::Unix(path) => Client::connect_unix_with(config, path).await,
        }
    }
}
