//! What is counted: each scenario does one thing so many times, and checks that it was done.
//!
//! A scenario takes as many operations as it is asked for; a thousand and its multiples, so that one that works in
//! batches needs no remainder. What it sets up first does not count, as the same is subtracted: see `callgrind`.

mod tasks;
mod timers;
mod channels;
mod echo;
mod lines;
mod http;
mod rpc;
mod redis;

/// One thing that is done again and again.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) what: &'static str,
    /// Does it so many times.
    pub(crate) run: fn(u64),
}

impl Scenario {
    const fn new(name: &'static str, what: &'static str, run: fn(u64)) -> Self {
        Self { name, what, run }
    }
}

pub(crate) fn named(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// All of them, from the floor up.
pub(crate) static SCENARIOS: [Scenario; 25] = [
    Scenario::new("spawn_join_one", "a task spawned and joined, one at a time", tasks::spawn_join_one),
    Scenario::new("spawn_join_1000", "a task of a thousand, spawned and joined", tasks::spawn_join_1000),
    Scenario::new("yield", "a task that yields", tasks::yields),
    Scenario::new("wake", "a task wakes another by its waker, and that one runs", tasks::wake),
    Scenario::new("timer_cancel_1e5", "a timer set and cancelled, among 100,000", timers::cancel),
    Scenario::new("timer_fire", "a timer set, and fired", timers::fire),
    Scenario::new("timeout_ready", "a call within a Timeout that answers at once", timers::timeout_ready),
    Scenario::new(
        "timeout_waits",
        "a call within a Timeout that answers when asked again",
        timers::timeout_waits,
    ),
    Scenario::new("oneshot", "a oneshot made, waited for, sent to and received", channels::oneshot),
    Scenario::new("mpsc_round_trip", "a message to another task and one back", channels::mpsc_round_trip),
    Scenario::new("mpsc_throughput", "a message of many to another task", channels::mpsc_throughput),
    Scenario::new("echo", "64 bytes come back to one of ten connections", echo::in_memory),
    Scenario::new("echo_system", "64 bytes over loopback and back; both ends count", echo::over_loopback),
    Scenario::new("lines_call", "a line asked and answered; both ends count", lines::call),
    Scenario::new("http", "a request of one header, through Timeout", http::plain),
    Scenario::new("http_browser", "a request of ten headers, through Timeout", http::browser),
    Scenario::new("http_raw", "a request of one header, as it was parsed", http::raw),
    Scenario::new("http_raw_browser", "a request of ten headers, as it was parsed", http::raw_browser),
    Scenario::new(
        "http_pipelined",
        "one request of ten that come together, through Timeout",
        http::pipelined,
    ),
    Scenario::new("http_post", "a request with 64 bytes that are read and sent back", http::post),
    Scenario::new("http_connection", "a connection for one request, through Timeout", http::connection),
    Scenario::new("http_call", "our client's call of our server; both ends count", http::call),
    Scenario::new("rpc", "a typed call with 64 bytes, of fifty that come together", rpc::unary),
    Scenario::new("rpc_call", "a typed call by our client; both ends count", rpc::call),
    Scenario::new("redis_get", "a GET by one of fifty callers on a connection; both ends count", redis::gets),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_does_what_it_says() {
        for scenario in &SCENARIOS {
            (scenario.run)(1000);
        }
    }

    #[test]
    fn each_name_is_one_scenarios() {
        for scenario in &SCENARIOS {
            assert_eq!(named(scenario.name).map(|found| found.what), Some(scenario.what));
        }
        assert!(named("").is_none());
    }
}
