//! A smaller list that still fails: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
//! Input", 2002).
//!
//! It knows nothing of faults: it is told whether a list fails.

/// The smallest list that was found to fail, from one that does, in so many tries at most.
///
/// Without any first, as it may be no matter of the list at all; then without one part of two, of four and so on, down to
/// each single one. Where the tries suffice, the list fails no more without any one of its items.
pub(crate) fn shrink<T: Clone>(all: &[T], tries_max: u32, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut tries = 0;
    let mut fails = |list: &[T]| {
        tries += 1;
        (tries <= tries_max).then(|| fails(list))
    };
    if fails(&[]) == Some(true) {
        return Vec::new();
    }
    let (mut least, mut parts) = (all.to_vec(), 2);
    while least.len() > 1 {
        let len = least.len().div_ceil(parts);
        let starts = (0..least.len()).step_by(len);
        let without = |start: usize| [&least[..start], &least[(start + len).min(least.len())..]].concat();
        let mut smaller = None;
        for rest in starts.map(without) {
            match fails(&rest) {
                Some(true) => smaller = Some(rest),
                Some(false) => continue,
                None => return least,
            }
            break;
        }
        match smaller {
            Some(rest) => {
                least = rest;
                parts = (parts - 1).max(2);
            }
            None if len == 1 => break,
            None => parts = (parts * 2).min(least.len()),
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of the numbers below `count`, and in how many tries, where a list fails that has these.
    fn shrunk(count: u32, tries_max: u32, needed: &[u32]) -> (Vec<u32>, u32) {
        let (all, mut tries) = ((0..count).collect::<Vec<_>>(), 0);
        let least = shrink(&all, tries_max, |list| {
            tries += 1;
            needed.iter().all(|needed| list.contains(needed))
        });
        (least, tries)
    }

    #[test]
    fn only_what_is_needed_is_left_in_its_order() {
        for needed in [&[][..], &[0], &[29], &[7], &[0, 29], &[3, 4, 5], &[1, 9, 17, 25]] {
            let (least, tries) = shrunk(30, 1000, needed);
            assert_eq!(least, needed);
            assert!(tries < 100, "{tries} tries for {needed:?}");
        }
        let all: Vec<u32> = (0..30).collect();
        assert_eq!(shrunk(30, 1000, &all).0, all);
    }

    #[test]
    fn what_fails_by_itself_takes_one_try() {
        assert_eq!(shrunk(1000, 1000, &[]), (vec![], 1));
    }

    #[test]
    fn the_tries_have_an_end() {
        let (least, tries) = shrunk(1000, 20, &[1, 500, 998]);
        assert_eq!(tries, 20);
        assert!(least.len() < 1000 && [1, 500, 998].iter().all(|needed| least.contains(needed)));
        assert_eq!(shrunk(30, 0, &[1]), ((0..30).collect(), 0));
    }
}
