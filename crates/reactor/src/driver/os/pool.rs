//! Threads for jobs that block.
use super::super::{Job, Overloaded};
#[derive(Default)]
pub(super) struct Limits;
pub(super) struct Pool;
impl Pool {
    pub(super) fn new(_: Limits) -> Self {
        Self
    }
    pub(super) fn submit(&self, job: Job) -> Result<(), Overloaded> {
        #[expect(clippy::disallowed_methods, reason = "this is where threads come from")]
        drop(std::thread::spawn(job));
        Ok(())
    }
}
