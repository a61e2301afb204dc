//! How many events a look at the selector asks for at most: as many as have come of late, within bounds.
//!
//! A look that fills its room has left some behind, perhaps, so the next one has twice as much; when none of very many has
//! used a quarter of it, the next has half. A [`Batch`] asks for nothing itself: it is told how many came.

/// The room of the next look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    room: usize,
    /// How many looks in a row have used less than a quarter of it.
    scant: u32,
}

impl Batch {
    pub(super) const fn new() -> Self {
        Self { room: ROOM_MIN, scant: 0 }
    }

    pub(super) fn room(self) -> usize {
        self.room
    }

    /// So many have come by one look. True if the room of the next one is another.
    #[inline]
    pub(super) fn handle_look(&mut self, came: usize) -> bool {
        if came * SHARE >= self.room {
            self.scant = 0;
            return came >= self.room && self.grow();
        }
        self.scant += 1;
        self.scant >= SCANT_MAX && self.shrink()
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let before = self.room;
        self.room = (2 * before).min(ROOM_MAX);
        self.room > before
    }

    #[cold]
    fn shrink(&mut self) -> bool {
        self.scant = 0;
        let before = self.room;
        self.room = (before / 2).max(ROOM_MIN);
        self.room < before
    }
}

/// Less than a kilobyte, which is what a core has that has little to do.
const ROOM_MIN: usize = 64;

/// Twelve kilobytes. More would spare a busy core nothing, as to hear of 1,024 events and to wake who waits for them takes
/// some 200,000 instructions: fifty microseconds, in which no task runs. What is left comes with the next turn.
const ROOM_MAX: usize = 1024;

/// A room of which less than a quarter is used is too large; with half as much it is still more than twice what is needed.
const SHARE: usize = 4;

/// So many looks in a row, which a busy core makes in a hundredth of a second: long enough that a load that comes and goes
/// keeps its room.
const SCANT_MAX: u32 = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::Os;
    use super::*;
    use crate::driver::{Driver, Park, Token, UdpOptions};

    /// Looks by which so many have come, and the room after each.
    fn play(batch: &mut Batch, looks: &[usize]) -> Vec<usize> {
        let look = |came: &usize| {
            let before = batch.room();
            assert_eq!(batch.handle_look(*came), batch.room() != before);
            batch.room()
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn what_was_full_has_twice_the_room_up_to_a_bound() {
        let mut batch = Batch::new();
        assert_eq!(play(&mut batch, &[1, 63, 64, 100, 128]), [64, 64, 128, 128, 256]);
        assert_eq!(play(&mut batch, &[256, 512, 1024, 1024]), [512, 1024, 1024, 1024]);
    }

    #[test]
    fn what_has_been_mostly_empty_for_long_has_half_of_it() {
        let mut batch = Batch::new();
        play(&mut batch, &[64, 128]);
        let scant = [63; SCANT_MAX as usize];
        assert!(play(&mut batch, &scant[1..]).iter().all(|room| *room == 256));
        // Once it was used, so it takes as long again.
        assert_eq!(play(&mut batch, &[64]), [256]);
        assert!(play(&mut batch, &scant[1..]).iter().all(|room| *room == 256));
        assert_eq!(play(&mut batch, &[63]), [128]);
        let nothing = vec![0; 10 * SCANT_MAX as usize];
        assert_eq!(play(&mut batch, &nothing).last(), Some(&64), "and no less");
    }

    /// Each socket has room to write, which is told once.
    #[test]
    fn the_selector_is_asked_for_what_has_come_of_late() {
        let os = Os::new().unwrap();
        let socket = |token| {
            os.udp_bind((Ipv4Addr::LOCALHOST, 0).into(), &UdpOptions::default(), Token(token)).unwrap()
        };
        let _sockets: Vec<_> = (0..200).map(socket).collect();
        let look = || {
            let mut came = 0;
            os.park(Park::look(), &mut |_| came += 1).unwrap();
            came
        };
        assert_eq!([(); 4].map(|()| look()), [64, 128, 8, 0]);
        assert!((0..2 * SCANT_MAX).all(|_| look() == 0));
        assert_eq!(os.selector.borrow().batch.room(), ROOM_MIN);
    }
}
