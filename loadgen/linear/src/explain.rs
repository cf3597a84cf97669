//! A history that cannot be explained, cut down to what shows it, in words.
//!
//! A history that goes wrong is wrong from one answer on: everything before it can be explained,
//! and with it nothing can. So the shortest part that fails is found by halving, and told as the
//! end of an order that explains all but that answer, how things stand after it, and the answer
//! that does not fit, with everything that was under way beside it.

use std::fmt::Write as _;

use crate::history::{Ending, Operation};
use crate::search::{Model, Verdict, search};

/// How many operations before the failing one are told.
const TOLD_BEFORE: usize = 8;
/// How many that were under way beside it are told.
const TOLD_BESIDE: usize = 12;

/// Puts a model's calls, answers and states into words.
pub trait Speak: Model {
    /// Such as `hold 17 takes the seat`.
    fn call(&self, call: &Self::Call) -> String;
    /// Such as `refused: the seat is HELD`.
    fn answer(&self, answer: &Self::Answer) -> String;
    /// Such as `nobody has it`.
    fn state(&self, state: &Self::State) -> String;
}

/// Tells why a history is not linearizable. `None` where it is, or where that is too hard to tell.
pub fn explain<M: Speak>(
    model: &M,
    history: &[Operation<M::Call, M::Answer>],
    states_max: usize,
) -> Option<String>
where
    M::Call: Clone,
    M::Answer: Clone,
{
    let mut returns: Vec<u64> = history.iter().filter_map(Operation::returned_ns).collect();
    returns.sort_unstable();
    let fails = |count: usize| {
        let cut = before(history, returns[count - 1]);
        search(model, &cut, states_max) == Verdict::NotLinearizable
    };
    if returns.is_empty() || !fails(returns.len()) {
        return None;
    }
    // `good` answers can be explained, `bad` cannot.
    let (mut good, mut bad) = (0, returns.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fails(middle) { bad = middle } else { good = middle }
    }
    let failing_ns = returns[bad - 1];
    let failing = history.iter().find(|operation| operation.returned_ns() == Some(failing_ns))?;
    let explained = before(history, failing_ns - 1);
    let Verdict::Linearizable(order) = search(model, &explained, states_max) else { return None };
    Some(tell(model, &explained, &order, failing))
}

/// The history as it was known at a time: what was answered later has no answer yet, what was asked
/// later is not there.
fn before<C: Clone, A: Clone>(history: &[Operation<C, A>], at_ns: u64) -> Vec<Operation<C, A>> {
    let known = history.iter().filter(|operation| operation.invoked_ns <= at_ns).cloned();
    known
        .map(|operation| match operation.returned_ns() {
            Some(returned_ns) if returned_ns > at_ns => {
                Operation { ending: Ending::Unknown, ..operation }
            }
            _ => operation,
        })
        .collect()
}

fn tell<M: Speak>(
    model: &M,
    explained: &[Operation<M::Call, M::Answer>],
    order: &[usize],
    failing: &Operation<M::Call, M::Answer>,
) -> String {
    let mut words = String::new();
    let mut state = model.start();
    for &place in order {
        let operation = &explained[place];
        let after = model.step(&state, &operation.call, operation.answer());
        state = after.expect("the order explains every answer");
    }
    let answers = order.iter().filter(|place| explained[**place].answer().is_some()).count();
    let _ = writeln!(words, "{answers} answers can be explained, the last of them like this:");
    for &place in &order[order.len().saturating_sub(TOLD_BEFORE)..] {
        let _ = writeln!(words, "    {}", line(model, &explained[place]));
    }
    let _ = writeln!(words, "  after which {}; but no order explains", model.state(&state));
    let _ = writeln!(words, "  ► {}", line(model, failing));
    let under_way = explained.iter().enumerate().filter(|(place, operation)| {
        let is_failing =
            operation.invoked_ns == failing.invoked_ns && operation.client == failing.client;
        operation.answer().is_none() && !is_failing && !order.contains(place)
    });
    let mut under_way: Vec<_> = under_way.map(|(_, operation)| operation).collect();
    under_way.sort_by_key(|operation| std::cmp::Reverse(operation.invoked_ns));
    if !under_way.is_empty() {
        let _ = writeln!(words, "  whether or not these happened, which had no answer by then:");
    }
    for operation in under_way.iter().take(TOLD_BESIDE) {
        let _ = writeln!(words, "    {}", line(model, operation));
    }
    if let Some(more) = under_way.len().checked_sub(TOLD_BESIDE + 1) {
        let _ = writeln!(words, "    … and {} before them", more + 1);
    }
    words
}

fn line<M: Speak>(model: &M, operation: &Operation<M::Call, M::Answer>) -> String {
    let ms = |ns: u64| format!("{:.3}", ns as f64 / 1e6);
    let (until, answer) = match &operation.ending {
        Ending::Answered { answer, returned_ns } => (ms(*returned_ns), model.answer(answer)),
        Ending::Unknown => (String::new(), "no answer".into()),
    };
    let (from, client) = (ms(operation.invoked_ns), operation.client);
    let call = model.call(&operation.call);
    format!("{from:>11}–{until:<11} ms  client {client:<3} {call}: {answer}")
}
