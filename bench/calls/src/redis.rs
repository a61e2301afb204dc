//! What the clients of redis are asked: `PACKAGE client ADDR SCENARIO N`, or `PACKAGE list`.

use std::error::Error;

/// Name, whether it sets the value, and how many tasks share the connection.
const SCENARIOS: [(&str, bool, u64); 3] =
    [("get_1", false, 1), ("get_256", false, 256), ("set_256", true, 256)];

const USAGE: &str = "client ADDR SCENARIO N, with a scenario of the list, or list";

/// What a client is to do.
pub struct Redis {
    /// Where the server is.
    pub addr: String,
    /// What is printed beside the figures.
    pub scenario: &'static str,
    /// `SET` instead of `GET`.
    pub set: bool,
    /// How many tasks share the connection.
    pub tasks: u64,
    /// How many calls they make in all.
    pub calls: u64,
}

impl Redis {
    /// The key of all calls.
    pub const KEY: &str = "bench:key";
    /// Its value.
    pub const VALUE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// What the arguments say. For `list`, nothing: the names are printed.
    pub fn from_args() -> Result<Option<Self>, Box<dyn Error>> {
        let args: Vec<_> = std::env::args().skip(1).collect();
        if args == ["list"] {
            SCENARIOS.iter().for_each(|(name, ..)| println!("{name}"));
            return Ok(None);
        }
        let [command, addr, scenario, calls] = &args[..] else { return Err(USAGE.into()) };
        let known = SCENARIOS.iter().find(|(name, ..)| name == scenario && command == "client");
        let &(scenario, set, tasks) = known.ok_or(USAGE)?;
        Ok(Some(Self { addr: addr.clone(), scenario, set, tasks, calls: calls.parse()? }))
    }
}
