//! With the feature `tracing`: what a subscriber is told.

use std::fmt::{Debug, Write};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ekiden_reactor::context::{Context, Trace};
use ekiden_reactor::notice::Level;
use ekiden_reactor::{Config, Reactor, notice, spawn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{set_global_default, with_default};
use tracing::{Event, Metadata, Subscriber};

#[test]
fn notices_and_edges_are_events() {
    let trace: Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let told = told_by(|| {
        reactor().run(async {
            notice(Level::Error, "cache", format_args!("it is {}", "cold"));
            notice(Level::Warning, "cache", format_args!("it is lukewarm"));
            Context::none().with_trace(trace).sync_scope(|| {
                notice(Level::Info, "cache", format_args!("it is warm"));
                notice::debug("cache", format_args!("it was asked"));
            });
            let panics = spawn(async { panic!("oh no") });
            assert!(Result::<(), _>::unwrap_err(panics.await).is_panic());
        });
    });
    let place = "crates/reactor/tests/tracing.rs";
    let mut told = told.into_iter();
    let mut next = || told.next().unwrap();
    assert_eq!(next(), "DEBUG ekiden message=core 0 runs topic=core");
    assert_eq!(next(), "ERROR ekiden message=it is cold topic=cache");
    assert_eq!(next(), "WARN ekiden message=it is lukewarm topic=cache");
    assert_eq!(next(), format!("INFO ekiden message=it is warm topic=cache trace={trace}"));
    assert_eq!(next(), format!("DEBUG ekiden message=it was asked topic=cache trace={trace}"));
    let panic = next();
    assert!(panic.starts_with(&format!("DEBUG ekiden message=a task, spawned at {place}")), "{panic}");
    assert!(panic.ends_with(", panicked: oh no topic=task"), "{panic}");
    assert_eq!(next(), "DEBUG ekiden message=core 0 has ended what it was to run topic=core");
    assert_eq!(told.next(), None);
}

#[test]
fn a_subscriber_that_panics_harms_no_notice() {
    let heard = Rc::new(std::cell::Cell::new(0));
    let count = heard.clone();
    let mut config = Config::default();
    config.on_notice = Rc::new(move |_| count.set(count.get() + 1));
    let reactor = Reactor::new(config).unwrap();
    with_default(Listener { told: Arc::default(), panics_at: Some(tracing::Level::ERROR) }, || {
        reactor.run(async { notice(Level::Error, "cache", format_args!("it is cold")) });
    });
    assert_eq!(heard.get(), 1);
}

#[test]
fn the_watchdogs_line_is_an_event() {
    // The watchdog has a thread of its own, which knows the subscriber of the process only.
    let (told, (tell, held)) = (Arc::<Mutex<Vec<String>>>::default(), mpsc::channel());
    set_global_default(Listener { told: told.clone(), panics_at: None }).unwrap();
    let mut config = Config::default();
    config.held_max = Some(Duration::from_millis(1));
    // The hook comes after the event.
    config.on_held = Arc::new(move |notice| drop(tell.send((notice.to_string(), notice.is_event()))));
    let (line, is_event) = Reactor::new(config).unwrap().run(async move {
        // Holds the core until somebody tells of that.
        held.recv_timeout(Duration::from_secs(60)).unwrap()
    });
    let line = line.strip_prefix("warning: watchdog: ").unwrap();
    let event = format!("WARN ekiden message={line} topic=watchdog");
    assert!(told.lock().unwrap().contains(&event), "{event}");
    assert!(is_event);
}

#[test]
fn what_a_subscriber_has_taken_is_not_written_as_well() {
    const INSIDE: &str = "EKIDEN_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let reactor = Reactor::new(Config::default()).unwrap();
        let tell =
            |what: &str| reactor.run(async { notice(Level::Error, "cache", format_args!("it is {what}")) });
        let told = told_by(|| tell("cold"));
        assert!(told.iter().any(|line| line.contains("it is cold")));
        tell("warm");
        let careful = Listener { told: Arc::default(), panics_at: Some(tracing::Level::ERROR) };
        with_default(careful, || tell("lukewarm"));
        return notice(Level::Info, "cache", format_args!("nobody runs"));
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let name = "what_a_subscriber_has_taken_is_not_written_as_well";
    let ended = again.args(["--exact", name, "--nocapture"]).env(INSIDE, "").output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    for (line, is_written) in [
        ("error: cache: it is cold", false),
        ("error: cache: it is warm", true),
        ("error: cache: it is lukewarm", true),
        ("info: cache: nobody runs", true),
    ] {
        assert_eq!(said.lines().any(|said| said == line), is_written, "{line}: {said}");
    }
}

fn reactor() -> Reactor {
    let mut config = Config::default();
    config.on_notice = Rc::new(|_| ());
    Reactor::new(config).unwrap()
}

/// What a subscriber is told meanwhile, an event a line.
fn told_by(run: impl FnOnce()) -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    with_default(Listener { told: told.clone(), panics_at: None }, run);
    std::mem::take(&mut *told.lock().unwrap())
}

struct Listener {
    told: Arc<Mutex<Vec<String>>>,
    panics_at: Option<tracing::Level>,
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        assert_ne!(Some(*metadata.level()), self.panics_at);
        let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut line);
        self.told.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("there are no spans")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }
}
