//! A boxed service sent to another thread: what crosses is a function that makes one.
use ekiden_service::{BoxService, Refused};

fn to_another_thread<T: Send>(_value: T) {}

fn elsewhere(service: BoxService<String, String, Refused>) {
    to_another_thread(service);
}

fn main() {}
