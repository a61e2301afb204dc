//! What the server knows of itself: [`Info`].

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::commands::table::commands;
use crate::{Error, FromValue, ToArgs, Value};

commands! { server_info_methods;
    /// What the server knows of itself: the sections with these names, such as `memory`, or with `()` those it has
    /// unless said.
    ///
    /// ```
    /// # use ekiden_redis::{Commands, Error};
    /// # async fn clients(client: impl Commands<Error = Error>) -> Result<(), Error> {
    /// let info = client.info("clients").await?;
    /// let connected: Option<u64> = info.parse("connected_clients");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Redis 1.0; more than one section 7.0.
    Reads "INFO" info(sections: impl ToArgs) -> Info;
}

/// What the server knows of itself, of [`info`]: names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    values: BTreeMap<String, String>,
}

impl Info {
    /// The value with that name; `None` if there is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value with that name as a number or the like; `None` if there is none, or it is no such.
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// All names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (&name[..], &value[..]))
    }
}

/// Of a text of lines: `# Section`, and `name:value`.
impl FromValue for Info {
    fn from_value(value: Value) -> Result<Self, Error> {
        let text = String::from_value(value)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| line.split_once(':'));
        Ok(Self { values: values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_lines_of_names_and_values() {
        let text =
            "# Server\r\nredis_version:7.0.15\r\nexecutable:/a:b\r\n\r\n# Clients\r\nconnected_clients:1\r\n";
        let info = Info::from_value(Value::from(text)).unwrap();
        assert_eq!(info.get("redis_version"), Some("7.0.15"));
        assert_eq!(info.get("executable"), Some("/a:b"));
        assert_eq!(info.parse("connected_clients"), Some(1));
        assert_eq!(info.parse::<u64>("redis_version"), None);
        assert_eq!((info.get("nothing"), info.iter().count()), (None, 3));
    }
}
