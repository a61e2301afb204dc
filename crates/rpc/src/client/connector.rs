//! What makes connections to one server: [`Connector`].

use std::path::PathBuf;

use ekiden_service::Service;

use super::Client;
use super::config::Config;
use crate::error::Error;

/// A service whose response is a [`Client`] that is connected: for whoever keeps several, or connects again.
///
/// ```
/// use ekiden_rpc::client::Connector;
/// use ekiden_service::Service;
///
/// # ekiden_reactor::run(async {
/// let connector = Connector::tcp("127.0.0.1:1");
/// assert!(connector.call(()).await.is_err(), "nobody is there");
/// # });
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
    #[must_use]
    pub fn with_config(self, config: Config) -> Self {
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
