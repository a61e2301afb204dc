//! The reactor on real sockets and real threads, and on a clock set by hand.
//!
//! One binary, since each one more costs a link: a module per idea.

mod tasks;
mod groups;
mod contexts;
mod fairness;
mod ticks;
mod tcp;
mod options;
mod racing;
mod copying;
mod udp;
mod unix;
mod time;
mod spinning;
mod accepting;
mod spreading;
mod sources;
mod channels;
mod sharing;
mod locks;
mod threads;
mod cores;
mod signals;
mod processes;
mod files;
mod stdio;
mod open_files;
mod cancelling;
mod allocations;
mod notices;
mod inspecting;
mod watching;
mod world;
mod turns;
mod stand_in;
mod own_process;
mod stress;
