//! Where a server is and how to log in, in one line: `redis://user:password@host:port/database`.

use super::address::Address;
use super::config::{Config, Protocol};
use crate::error::Error;

impl Config {
    /// What a URL says: `redis://[[user]:password@]host[:port][/database]`, or `redis+unix://[[user]:password@]/path[?db=database]`;
    /// with `protocol=2` behind a `?` for RESP2. Bytes that mean something in it are written as `%40`.
    ///
    /// ```
    /// use ekiden_redis::Client;
    /// use ekiden_redis::client::{Address, Config};
    ///
    /// let (address, mut config) = Config::from_url("redis://:hunter2@localhost/3")?;
    /// assert_eq!(address, Address::from("localhost:6379"));
    /// assert_eq!((config.password.as_deref(), config.database), (Some("hunter2"), 3));
    ///
    /// config.client_name = Some("billing".into());
    /// let client = Client::with_config(address, config);
    /// # Ok::<(), ekiden_redis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is none of these. `rediss`, with TLS, is not supported yet.
    pub fn from_url(url: &str) -> Result<(Address, Self), Error> {
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut config = Self::default();
        // From behind: a password may have this in it, though it should not.
        let rest = match rest.rsplit_once('@') {
            Some((login, rest)) => {
                let (user, password) = login.split_once(':').ok_or_else(wrong)?;
                config.username = (!user.is_empty()).then(|| decoded(user)).transpose()?;
                config.password = Some(decoded(password)?);
                rest
            }
            None => rest,
        };
        let address = match scheme {
            "redis" => {
                let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
                if !database.is_empty() {
                    config.database = database.parse().map_err(|_| wrong())?;
                }
                Address::Tcp(with_port(host)?)
            }
            "redis+unix" | "unix" if rest.starts_with('/') => Address::Unix(decoded(rest)?.into()),
            "rediss" => return Err(Error::misuse("a connection with TLS is not supported yet")),
            _ => return Err(wrong()),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("db", database)) => config.database = database.parse().map_err(|_| wrong())?,
                Some(("protocol", "2" | "resp2")) => config.protocol = Protocol::Resp2,
                Some(("protocol", "3" | "resp3")) => config.protocol = Protocol::Resp3,
                _ => return Err(wrong()),
            }
        }
        Ok((address, config))
    }
}

/// A host with its port, the usual one if there is none.
fn with_port(host: &str) -> Result<String, Error> {
    // What follows the brackets of an IPv6 address.
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    match behind.split_once(':') {
        _ if host.is_empty() || host.starts_with(':') => Err(wrong()),
        None => Ok(format!("{host}:6379")),
        Some((_, port)) if port.parse::<u16>().is_ok() => Ok(host.to_owned()),
        Some(_) => Err(wrong()),
    }
}

/// Without percent signs (RFC 3986, section 2.1).
fn decoded(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_number).ok_or_else(wrong)?;
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

// The URL itself stays out of it: it may hold a password.
fn wrong() -> Error {
    Error::misuse("this is no URL of a Redis server, as redis://user:password@host:6379/0 is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: &str) {
        let told = match Config::from_url(url) {
            Ok((address, config)) => {
                let Config { username, password, database, protocol, .. } = config;
                let [username, password] = [username, password].map(|text| text.unwrap_or("-".into()));
                format!("{address} {username} {password} {database} {protocol:?}")
            }
            Err(error) => error.to_string().split_once(',').map_or("!", |(told, _)| told).to_owned(),
        };
        assert_eq!(told, expect, "{url}");
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        check("redis://localhost", "localhost:6379 - - 0 Resp3");
        check("redis://localhost/", "localhost:6379 - - 0 Resp3");
        check("redis://10.0.0.7:7000/3", "10.0.0.7:7000 - - 3 Resp3");
        check("redis://[::1]/3?protocol=2", "[::1]:6379 - - 3 Resp2");
        check("redis://[::1]:7000", "[::1]:7000 - - 0 Resp3");
        check("redis://:pw@host", "host:6379 - pw 0 Resp3");
        check("redis://ada:p%40w%2f@host?db=1&protocol=resp3", "host:6379 ada p@w/ 1 Resp3");
        check("redis://:p@w@host", "host:6379 - p@w 0 Resp3");
        check("redis+unix:///run/redis.sock?db=2", "/run/redis.sock - - 2 Resp3");
        check("unix://:pw@/run/redis%20.sock", "/run/redis .sock - pw 0 Resp3");
    }

    #[test]
    fn what_is_none_is_refused() {
        let no = "this is no URL of a Redis server";
        for url in [
            "",
            "localhost:6379",
            "http://host",
            "redis://",
            "redis://:7000",
            "redis://host:port",
            "redis://host:70000",
            "redis://host/x",
            "redis://user@host",
            "redis://:%4@host",
            "redis://:%+1@host",
            "redis://:%ff@host",
            "redis://host?ssl=true",
            "redis+unix://run/redis.sock",
        ] {
            check(url, no);
        }
        check("rediss://host", "!");
    }
}
