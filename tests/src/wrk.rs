//! Load from wrk: many connections for a few seconds, and a count of all that went wrong.

use std::sync::{Mutex, PoisonError};

use crate::{Scratch, output};

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Responses that arrived whole.
    pub responses: u64,
    /// Connections refused, reads and writes that failed, responses later than two seconds, and statuses of 400 and
    /// above: nothing of this should happen on loopback.
    pub errors: u64,
}

/// Loads a URL over 64 connections for some seconds, with so many requests at once on each. One load at a time: who
/// comes second waits.
///
/// # Panics
///
/// If wrk cannot be run.
#[track_caller]
pub fn wrk(url: &str, seconds: u32, requests_at_once: u32) -> Load {
    // Load is measured on a machine of one's own: two at once would make each other late.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Scratch::new();
    let script = folder.write("script.lua", script(requests_at_once));
    let script = script.to_str().expect("the folder's name is plain");
    let duration = format!("{seconds}s");
    let run = output(
        "wrk",
        ["--connections", "64", "--threads", "2", "--duration", &duration, "--script", script, url],
    );
    let said = String::from_utf8_lossy(&run.stdout);
    let load = said.lines().find_map(load).filter(|_| run.status.success());
    load.unwrap_or_else(|| panic!("wrk gave no count: {said}{}", String::from_utf8_lossy(&run.stderr)))
}

/// A request is so many copies of the plain one; and at the end the counts are written on one line.
fn script(requests_at_once: u32) -> String {
    format!(
        "init = function(args)
    local requests = {{}}
    for i = 1, {requests_at_once} do requests[i] = wrk.format() end
    all = table.concat(requests)
end
request = function() return all end
done = function(summary)
    local e = summary.errors
    print(string.format('count %d %d', summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"
    )
}

fn load(line: &str) -> Option<Load> {
    let (responses, errors) = line.strip_prefix("count ")?.split_once(' ')?;
    Some(Load { responses: responses.parse().ok()?, errors: errors.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nginx;

    #[test]
    fn good_answers_are_counted() {
        let nginx = Nginx::start("access_log off;", "location / { return 200 'good'; }");
        for requests_at_once in [1, 16] {
            let load = wrk(&nginx.url("/"), 1, requests_at_once);
            assert!(load.responses > 64 && load.errors == 0, "{load:?}");
        }
    }

    #[test]
    fn bad_answers_are_errors() {
        let nginx = Nginx::start("access_log off;", "location / { return 404; }");
        let load = wrk(&nginx.url("/"), 1, 1);
        assert!(load.responses > 64 && load.errors == load.responses, "{load:?}");
    }

    #[test]
    fn hang_ups_are_errors() {
        let nginx = Nginx::start("access_log off;", "location / { return 444; }");
        let load = wrk(&nginx.url("/"), 1, 1);
        assert!(load.responses == 0 && load.errors > 0, "{load:?}");
    }
}
