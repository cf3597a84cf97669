//! The search for an order that explains a history: that of Wing and Gong, with the memory that
//! Lowe added.
//!
//! It goes through the history from the front. Next can be any operation that was asked for before
//! the first answer among those that have no place yet; the model says whether its answer fits.
//! Where none fits, the last choice is taken back. Two ways to one set of operations with one state
//! need not both be followed, so each such pair is remembered.
//!
//! Two shortcuts, neither of which loses an order:
//!
//! - An operation that fits now and changes nothing is placed at once. In any order that has it
//!   later it can be moved here: real time allows it, and nobody notices.
//! - An operation without an answer that would change nothing is not placed: nothing asks for it.

use std::collections::HashSet;
use std::hash::Hash;

use crate::history::Operation;

/// How something behaves, one call at a time.
pub trait Model {
    /// How it stands between two calls.
    type State: Clone + Eq + Hash;
    /// What can be asked of it.
    type Call;
    /// What it answers.
    type Answer;

    /// How it stands before the first call.
    fn start(&self) -> Self::State;

    /// How it stands after a call that was answered like this, or whose answer nobody knows;
    /// `None` where it would not answer so.
    fn step(
        &self,
        state: &Self::State,
        call: &Self::Call,
        answer: Option<&Self::Answer>,
    ) -> Option<Self::State>;
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Operations in an order that explains every answer, by their places in the history. Those
    /// without an answer that are not in it need not have happened.
    Linearizable(Vec<usize>),
    /// There is no such order.
    NotLinearizable,
    /// There may be one; the search was given up after so many states as allowed.
    TooHard,
}

/// Looks for an order that explains a history, and gives up after `states_max` states.
pub fn search<M: Model>(
    model: &M,
    history: &[Operation<M::Call, M::Answer>],
    states_max: usize,
) -> Verdict {
    let mut search = Search::new(model, history);
    let mut frames = vec![search.frame(&model.start(), None)];
    while let Some(frame) = frames.last_mut() {
        if search.open == 0 {
            return Verdict::Linearizable(frames.iter().filter_map(|frame| frame.placed).collect());
        }
        let Some((place, state)) = frame.next.pop() else {
            if let Some(place) = frame.placed {
                search.take_back(place);
            }
            frames.pop();
            continue;
        };
        search.put(place);
        if !search.seen.insert((search.done.clone(), state.clone())) {
            search.take_back(place);
            continue;
        }
        if search.seen.len() > states_max {
            return Verdict::TooHard;
        }
        frames.push(search.frame(&state, Some(place)));
    }
    Verdict::NotLinearizable
}

/// One choice, and those that could follow it.
struct Frame<S> {
    placed: Option<usize>,
    /// What can come next, with the state that it leads to; the best guess last.
    next: Vec<(usize, S)>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [Operation<M::Call, M::Answer>],
    /// Answered operations as they were asked for.
    answered: Vec<usize>,
    unknown: Vec<usize>,
    done: Vec<u64>,
    /// Answered operations that have no place yet.
    open: usize,
    seen: HashSet<(Vec<u64>, M::State)>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, history: &'a [Operation<M::Call, M::Answer>]) -> Self {
        let mut places: Vec<usize> = (0..history.len()).collect();
        places.sort_by_key(|&place| history[place].invoked_ns);
        let is_answered = |place: &usize| history[*place].answer().is_some();
        let (answered, unknown): (Vec<_>, Vec<_>) = places.into_iter().partition(is_answered);
        let open = answered.len();
        let done = vec![0; history.len().div_ceil(64)];
        Self { model, history, answered, unknown, done, open, seen: HashSet::new() }
    }

    fn is_done(&self, place: usize) -> bool {
        self.done[place / 64] & (1 << (place % 64)) != 0
    }

    fn put(&mut self, place: usize) {
        self.done[place / 64] |= 1 << (place % 64);
        self.open -= usize::from(self.history[place].answer().is_some());
    }

    fn take_back(&mut self, place: usize) {
        self.done[place / 64] &= !(1 << (place % 64));
        self.open += usize::from(self.history[place].answer().is_some());
    }

    fn frame(&self, state: &M::State, placed: Option<usize>) -> Frame<M::State> {
        Frame { placed, next: self.successors(state) }
    }

    /// What can come next, the best guess last: who was answered first most likely was first, and
    /// what was never answered is tried when nothing else helps.
    fn successors(&self, state: &M::State) -> Vec<(usize, M::State)> {
        let (mut candidates, first_return_ns) = self.candidates();
        candidates.sort_by_key(|&place| std::cmp::Reverse(self.history[place].returned_ns()));
        let mut next = Vec::new();
        for place in candidates {
            let operation = &self.history[place];
            match self.model.step(state, &operation.call, operation.answer()) {
                Some(after) if after == *state => return vec![(place, after)],
                Some(after) => next.push((place, after)),
                None => {}
            }
        }
        let mut guesses = Vec::new();
        for &place in &self.unknown {
            let operation = &self.history[place];
            if operation.invoked_ns > first_return_ns {
                break;
            }
            if self.is_done(place) {
                continue;
            }
            let after = self.model.step(state, &operation.call, None);
            guesses.extend(after.filter(|after| after != state).map(|after| (place, after)));
        }
        guesses.extend(next);
        guesses
    }

    /// The answered operations that real time lets come next, and the first answer that is open.
    fn candidates(&self) -> (Vec<usize>, u64) {
        let mut first_return_ns = u64::MAX;
        let mut candidates = Vec::new();
        let first = self.first_open();
        for &place in &self.answered[first..] {
            let operation = &self.history[place];
            if operation.invoked_ns > first_return_ns {
                break;
            }
            if !self.is_done(place) {
                let returned_ns = operation.returned_ns().expect("it was answered");
                first_return_ns = first_return_ns.min(returned_ns);
                candidates.push(place);
            }
        }
        // The first answer may have been found after some that were asked for later than it.
        candidates.retain(|&place| self.history[place].invoked_ns <= first_return_ns);
        (candidates, first_return_ns)
    }

    /// Where the first answered operation without a place stands. Operations are placed nearly in
    /// the order they were asked for, so at most a few before the number of placed ones are open.
    fn first_open(&self) -> usize {
        let placed = self.answered.len() - self.open;
        let nearly = self.answered[..placed].iter().position(|&place| !self.is_done(place));
        nearly.unwrap_or(placed)
    }
}
