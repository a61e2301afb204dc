//! Two steps with different errors: one `map_err` brings them together.
use ekiden_service::{Refused, ServiceExt, service_fn};

fn main() {
    let lookup = service_fn(async |name: String| Ok::<usize, Refused>(name.len()));
    lookup.and_then(async |id| std::fs::read(id.to_string()));
}
