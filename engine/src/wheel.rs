//! Timers: a hierarchical timing wheel over an intrusive list in a slab.
//!
//! After G. Varghese and T. Lauck, *Hashed and Hierarchical Timing Wheels: Data Structures for
//! the Efficient Implementation of a Timer Facility*, SOSP 1987. A sale has a hundred thousand
//! holds that all end within minutes, and most are cancelled before. So starting and cancelling
//! a timer are O(1), a timer moves at most once per level on its way to being due, and time
//! without timers is skipped by occupancy bitmaps, however long.
//!
//! ```text
//!   level 0   64 slots of 1 tick (16 ms)      one tick each
//!   level 1   64 slots of 64 ticks (1 s)      moved down when their first tick is reached
//!   level 2   64 slots of 4,096 ticks (66 s)  …
//!   level 10  reaches beyond any u64 of milliseconds
//! ```
//!
//! What always holds:
//!
//! - no timer goes off before its time; it goes off at the first `advance` to the end of its
//!   tick or later, so up to one tick late. Earlier ticks go first; within a tick the order is
//!   not the order of time, but the same calls always give the same order;
//! - `now_tick` never goes back. A timer in a slot of a level differs from `now_tick` in that
//!   level's six bits and in none above, and its slot comes after the one that `now_tick` is in.
//!   So the first occupied slot of the lowest occupied level is always the next one;
//! - one call does a bounded number of steps, where moving a timer down is a step as well as
//!   letting it go off. What is left comes first in the next call.

#[cfg(test)]
mod tests;

/// How finely time is told apart, in milliseconds.
const TICK_MS: u64 = 16;
/// Bits of the tick that a level tells apart.
const LEVEL_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << LEVEL_BITS;
/// Enough for the 61 bits that the tick of a `u64` of milliseconds has.
const LEVELS: usize = 11;

/// The first nodes of the slab are the heads of the lists: the slots of all levels, then these.
const HEAD_DUE: u32 = (LEVELS * SLOTS_PER_LEVEL) as u32;
/// Timers of a slot that `now_tick` has reached, on their way down.
const HEAD_MOVING: u32 = HEAD_DUE + 1;
const HEADS: usize = HEAD_MOVING as usize + 1;

/// Names a timer that was started. Never names another one: when the timer has gone off or was
/// cancelled, the id is stale (until one place in the slab was used 2^32 times).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    node: u32,
    generation: u32,
}

/// Timers, each with a value that is given back when it goes off.
///
/// Memory is kept for the most timers that ever ran at once.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    now_tick: u64,
    nodes: Vec<Node<T>>,
    /// Nodes that are unused, to be used again, last in first out.
    unused: Vec<u32>,
    /// One bit a slot, set where the list of the slot has a timer.
    occupied: [u64; LEVELS],
    len: usize,
}

/// A timer in a circular list, the head of one, or unused.
#[derive(Clone, Debug)]
struct Node<T> {
    /// None in heads and in unused nodes.
    value: Option<T>,
    tick: u64,
    previous: u32,
    next: u32,
    /// How often this place was given up.
    generation: u32,
}

impl<T> Wheel<T> {
    /// No timers yet. Time begins at `now_ms`, in milliseconds since any origin.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        let heads = 0..u32::try_from(HEADS).expect("a constant");
        let head = |i| Node { value: None, tick: 0, previous: i, next: i, generation: 0 };
        Wheel {
            now_tick: now_ms / TICK_MS,
            nodes: heads.map(head).collect(),
            unused: Vec::new(),
            occupied: [0; LEVELS],
            len: 0,
        }
    }

    /// How many timers there are, those included that are due but have not gone off.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no timers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts a timer that goes off at `at_ms`, or at the next `advance` where that has passed.
    #[inline]
    pub fn insert(&mut self, at_ms: u64, value: T) -> TimerId {
        // Rounded up: never early.
        let tick = at_ms.div_ceil(TICK_MS);
        let head = self.list_for(tick);
        let last = self.nodes[head as usize].previous;
        let timer = |generation| {
            let value = Some(value);
            Node { value, tick, previous: last, next: head, generation }
        };
        let (node, generation) = match self.unused.pop() {
            Some(node) => {
                let place = &mut self.nodes[node as usize];
                let generation = place.generation;
                *place = timer(generation);
                (node, generation)
            }
            None => {
                let node = u32::try_from(self.nodes.len()).expect("fewer than 2^32 timers");
                self.nodes.push(timer(0));
                (node, 0)
            }
        };
        self.nodes[last as usize].next = node;
        self.nodes[head as usize].previous = node;
        self.len += 1;
        TimerId { node, generation }
    }

    /// Stops a timer and gives its value back; none where it has gone off or was cancelled.
    pub fn cancel(&mut self, timer: TimerId) -> Option<T> {
        let place = self.nodes.get(timer.node as usize)?;
        if place.generation != timer.generation || place.value.is_none() {
            return None;
        }
        self.unlink(timer.node);
        Some(self.give_up(timer.node))
    }

    /// Lets timers go off whose time is `now_ms` or before, at most `limit` (1 or more) of them,
    /// and hands their values to `go_off`.
    ///
    /// Returns whether work was left for the same `now_ms`: true means call again, false that
    /// nothing more is due. Moving timers between levels counts against the limit too, so fewer
    /// may go off, even none, although it returns true. Time that goes back is taken as standing
    /// still.
    pub fn advance(&mut self, now_ms: u64, limit: usize, go_off: &mut impl FnMut(T)) -> bool {
        assert!(limit > 0, "no progress with a limit of 0");
        let target = self.now_tick.max(now_ms / TICK_MS);
        for _ in 0..limit {
            if !self.reach_work(target) {
                return false;
            }
            if let Some(node) = self.pop(HEAD_DUE) {
                go_off(self.give_up(node));
            } else if let Some(node) = self.pop(HEAD_MOVING) {
                self.link(node);
            }
        }
        self.reach_work(target)
    }

    /// No timer goes off before this time, in milliseconds: none where there are no timers. A
    /// lower bound, exact to the tick only for timers of the next second; whoever sleeps until
    /// then and calls `advance` wakes at most once a level in vain.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let tick = if self.is_listed(HEAD_DUE) || self.is_listed(HEAD_MOVING) {
            self.now_tick
        } else {
            let (level, slot) = self.next_slot()?;
            self.first_tick(level, slot)
        };
        // Only the tick after the last whole one in a u64 is too much, and that never comes.
        Some(tick.saturating_mul(TICK_MS))
    }

    /// Moves `now_tick` on until there is a timer to let go off or to move down, or until it
    /// has reached `target`. Returns whether there is such a timer.
    fn reach_work(&mut self, target: u64) -> bool {
        if self.is_listed(HEAD_DUE) || self.is_listed(HEAD_MOVING) {
            return true;
        }
        let next =
            self.next_slot().map(|(level, slot)| (level, slot, self.first_tick(level, slot)));
        match next {
            Some((level, slot, first_tick)) if first_tick <= target => {
                self.now_tick = first_tick;
                self.occupied[level] &= !(1 << slot);
                let to = if level == 0 { HEAD_DUE } else { HEAD_MOVING };
                self.splice(head_of(level, slot), to);
                true
            }
            _ => {
                self.now_tick = target;
                false
            }
        }
    }

    /// The occupied slot that begins first.
    fn next_slot(&self) -> Option<(usize, u32)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some((level, self.occupied[level].trailing_zeros()))
    }

    /// The first tick of a slot that `now_tick` has not passed.
    fn first_tick(&self, level: usize, slot: u32) -> u64 {
        let shift = shift_of(level);
        let above = self.now_tick.checked_shr(shift + LEVEL_BITS).unwrap_or(0);
        above.checked_shl(shift + LEVEL_BITS).unwrap_or(0) | u64::from(slot) << shift
    }

    /// Puts a timer into the list where it belongs now.
    fn link(&mut self, node: u32) {
        let head = self.list_for(self.nodes[node as usize].tick);
        self.push(head, node);
    }

    /// The head of the list where a timer of this tick belongs now, and is about to be put.
    #[inline]
    fn list_for(&mut self, tick: u64) -> u32 {
        if tick <= self.now_tick {
            return HEAD_DUE;
        }
        let highest_difference = (tick ^ self.now_tick).ilog2();
        let level = (highest_difference / LEVEL_BITS) as usize;
        let slot = (tick >> shift_of(level)) as u32 % SLOTS_PER_LEVEL as u32;
        self.occupied[level] |= 1 << slot;
        head_of(level, slot)
    }

    /// Takes a timer out of its list, whichever it is.
    fn unlink(&mut self, node: u32) {
        let Node { previous, next, .. } = self.nodes[node as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        // Only a head can be on both sides, and then its list is empty.
        if previous == next && previous < HEAD_DUE {
            let (level, slot) =
                (previous as usize / SLOTS_PER_LEVEL, previous % SLOTS_PER_LEVEL as u32);
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// Appends a timer to a list.
    fn push(&mut self, head: u32, node: u32) {
        let last = self.nodes[head as usize].previous;
        self.nodes[node as usize].previous = last;
        self.nodes[node as usize].next = head;
        self.nodes[last as usize].next = node;
        self.nodes[head as usize].previous = node;
    }

    /// Takes the first timer out of a list that is not a slot.
    fn pop(&mut self, head: u32) -> Option<u32> {
        let first = self.nodes[head as usize].next;
        if first == head {
            return None;
        }
        self.unlink(first);
        Some(first)
    }

    /// Moves all timers of a list that is not empty to another one that is.
    fn splice(&mut self, from: u32, to: u32) {
        let Node { previous: last, next: first, .. } = self.nodes[from as usize];
        self.nodes[from as usize].previous = from;
        self.nodes[from as usize].next = from;
        self.nodes[to as usize].previous = last;
        self.nodes[to as usize].next = first;
        self.nodes[first as usize].previous = to;
        self.nodes[last as usize].next = to;
    }

    fn is_listed(&self, head: u32) -> bool {
        self.nodes[head as usize].next != head
    }

    /// Frees the place of a timer that is in no list; its id is stale from now on.
    fn give_up(&mut self, node: u32) -> T {
        let place = &mut self.nodes[node as usize];
        place.generation = place.generation.wrapping_add(1);
        self.unused.push(node);
        self.len -= 1;
        place.value.take().expect("a timer in a list has a value")
    }
}

fn shift_of(level: usize) -> u32 {
    level as u32 * LEVEL_BITS
}

fn head_of(level: usize, slot: u32) -> u32 {
    (level * SLOTS_PER_LEVEL) as u32 + slot
}
