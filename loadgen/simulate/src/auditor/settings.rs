//! What somebody may change while others buy: which values can be in force for a request, given
//! what was asked and answered so far.
//!
//! A change counts from the moment it is asked for, since it may be decided any time after; it
//! takes the place of an earlier one for sure once it is answered, if it was asked for after that
//! one's answer. Requests are numbered in the order in which they are sent, so the number of a
//! request stands for its moment.

/// One thing that can be changed.
#[derive(Debug)]
pub(super) struct Setting<T>(Vec<Value<T>>);

#[derive(Debug)]
struct Value<T> {
    value: T,
    asked: u64,
    /// The number of the next request when it was answered.
    answered: Option<u64>,
    /// Requests from this one on are decided after something took its place.
    over: u64,
}

/// No request is open for so many others.
const OPEN_MAX: u64 = 20_000;

impl<T: Copy> Setting<T> {
    pub(super) fn new(value: T) -> Self {
        Self(vec![Value { value, asked: 0, answered: Some(0), over: u64::MAX }])
    }

    /// Request `id` wants to change it.
    pub(super) fn asked(&mut self, id: u64, value: T) {
        self.0.retain(|old| old.over.saturating_add(OPEN_MAX) > id);
        self.0.push(Value { value, asked: id, answered: None, over: u64::MAX });
    }

    /// Request `id` is done; the next request will be `next`.
    pub(super) fn done(&mut self, id: u64, next: u64) {
        for old in &mut self.0 {
            if old.asked == id {
                old.answered = Some(next);
            } else if old.over == u64::MAX && old.answered.is_some_and(|at| at <= id) {
                old.over = next;
            }
        }
    }

    /// Request `id` has not happened, and will not.
    pub(super) fn not_done(&mut self, id: u64) {
        self.0.retain(|value| value.asked != id);
    }

    /// Whatever was not answered by now has happened or never will; the next request will be
    /// `next`.
    pub(super) fn settle(&mut self, next: u64) {
        for value in &mut self.0 {
            value.answered.get_or_insert(next);
        }
    }

    /// What can be in force when request `id` is decided.
    pub(super) fn possible(&self, id: u64) -> impl Iterator<Item = T> {
        self.0.iter().filter(move |value| value.over > id).map(|value| value.value)
    }

    /// Everything that was ever asked for, as far as it is remembered.
    pub(super) fn ever(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|value| value.value)
    }
}

#[cfg(test)]
mod tests {
    use super::Setting;

    fn possible(setting: &Setting<u32>, id: u64) -> Vec<u32> {
        setting.possible(id).collect()
    }

    #[test]
    fn a_change_may_count_once_asked_and_alone_counts_once_answered() {
        let mut setting = Setting::new(1);
        setting.asked(5, 2);
        assert_eq!(possible(&setting, 4), [1, 2], "4 may be decided later");
        setting.done(5, 8);
        assert_eq!(possible(&setting, 7), [1, 2]);
        assert_eq!(possible(&setting, 8), [2]);
        setting.asked(9, 3);
        setting.not_done(9);
        assert_eq!(possible(&setting, 9), [2]);
    }

    #[test]
    fn of_two_that_cross_either_may_be_last() {
        let mut setting = Setting::new(1);
        setting.asked(5, 2);
        setting.asked(6, 3);
        setting.done(6, 7);
        setting.done(5, 8);
        assert_eq!(possible(&setting, 9), [2, 3]);
        setting.asked(9, 4);
        setting.settle(10);
        assert_eq!(possible(&setting, 10), [2, 3, 4], "lost: it happened or not");
        setting.asked(11, 5);
        setting.done(11, 12);
        assert_eq!(possible(&setting, 12), [5]);
    }
}
