//! The search held against that of stateright, which was written by others and remembers nothing,
//! on thousands of small random histories, right and wrong.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};
use usher_linear::{
    Answer, Call, Ending, HoldIx, Lot, Model as _, Operation, State, Units, Verdict, search,
};

const HISTORIES: u64 = 6_000;
const CLIENTS: u32 = 3;

/// The same model in the other's words.
#[derive(Clone)]
struct Reference {
    lot: Lot,
    state: State,
}

impl SequentialSpec for Reference {
    type Op = Call;
    type Ret = Answer;

    fn invoke(&mut self, call: &Call) -> Answer {
        let (after, answer) = self.lot.answer(&self.state, *call);
        self.state = after;
        answer
    }
}

/// Plays calls of a few clients against the model at random instants between call and answer; now
/// and then an answer is lost, and now and then it is another than the right one.
fn play(rng: &mut StdRng, lot: &Lot, lies: bool) -> Vec<Operation<Call, Answer>> {
    let mut state = lot.start();
    let mut history: Vec<Operation<Call, Answer>> = Vec::new();
    // What each client waits for: its place in the history, and the answer once it happened.
    let mut waiting: Vec<Option<(usize, Option<Answer>)>> = vec![None; CLIENTS as usize];
    let mut name = 0..;
    let mut names: Vec<u32> = name.by_ref().take(CLIENTS as usize).collect();
    for now_ns in 0..rng.random_range(8..28) {
        let client = rng.random_range(0..CLIENTS as usize);
        match waiting[client] {
            None => {
                let call = any_call(rng);
                waiting[client] = Some((history.len(), None));
                let ending = Ending::Unknown;
                history.push(Operation { client: names[client], call, invoked_ns: now_ns, ending });
            }
            Some((place, None)) => {
                let (after, answer) = lot.answer(&state, history[place].call);
                state = after;
                waiting[client] = Some((place, Some(answer)));
            }
            Some((place, Some(right))) => {
                waiting[client] = None;
                if rng.random_ratio(1, 12) {
                    // The answer is lost; whoever asked goes on under another name.
                    names[client] = name.next().expect("names do not end");
                    continue;
                }
                let lie = lies && rng.random_ratio(1, 4);
                let answer = if lie { any_answer(rng, lot, &history) } else { right };
                history[place].ending = Ending::Answered { answer, returned_ns: now_ns };
            }
        }
    }
    history
}

fn any_call(rng: &mut StdRng) -> Call {
    let hold = HoldIx(rng.random_range(0..3));
    let calls = [
        Call::Hold(hold),
        Call::Hold(hold),
        Call::Release(hold),
        Call::Order(hold),
        Call::Pay(hold),
        Call::Confirm(hold),
        Call::Cancel(hold),
        Call::ReadHold(hold),
        Call::ReadSeat,
        Call::ReadFree,
    ];
    calls[rng.random_range(0..calls.len())]
}

/// An answer that some call got, or would get at the beginning.
fn any_answer(rng: &mut StdRng, lot: &Lot, history: &[Operation<Call, Answer>]) -> Answer {
    let given: Vec<_> = history.iter().filter_map(Operation::answer).collect();
    match given.get(rng.random_range(0..given.len() + 1)) {
        Some(answer) => **answer,
        None => lot.answer(&lot.start(), any_call(rng)).1,
    }
}

fn theirs(lot: &Lot, history: &[Operation<Call, Answer>]) -> bool {
    let reference = Reference { lot: lot.clone(), state: lot.start() };
    let mut tester = LinearizabilityTester::new(reference);
    // No two events are at one time; an instant is either a call or an answer.
    let mut events: Vec<(u64, bool, &Operation<Call, Answer>)> = Vec::new();
    for operation in history {
        events.push((operation.invoked_ns, false, operation));
        events.extend(operation.returned_ns().map(|at_ns| (at_ns, true, operation)));
    }
    events.sort_by_key(|(at_ns, ..)| *at_ns);
    for (_, is_answer, operation) in events {
        let told = match operation.answer().filter(|_| is_answer) {
            Some(answer) => tester.on_return(operation.client, *answer).map(drop),
            None => tester.on_invoke(operation.client, operation.call).map(drop),
        };
        told.expect("a client asks one thing at a time");
    }
    tester.serialized_history().is_some()
}

#[test]
fn both_searches_agree() {
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..HISTORIES {
        let mut rng = StdRng::seed_from_u64(seed);
        let units = Units(rng.random_range(1..=3));
        let asks = (0..3).map(|_| Units(rng.random_range(1..=units.0))).collect();
        let lot = Lot::new(units, asks);
        let lies = seed % 3 > 0;
        let history = play(&mut rng, &lot, lies);
        let ours = match search(&lot, &history, 1_000_000) {
            Verdict::Linearizable(_) => true,
            Verdict::NotLinearizable => false,
            Verdict::TooHard => panic!("seed {seed} is small"),
        };
        assert_eq!(ours, theirs(&lot, &history), "seed {seed}: {lot:?} {history:#?}");
        assert!(ours || lies, "seed {seed}: what was played can be explained");
        if ours { right += 1 } else { wrong += 1 }
    }
    assert!(right > HISTORIES / 6 && wrong > HISTORIES / 6, "{right} right, {wrong} wrong");
}

#[test]
fn the_order_that_is_found_explains_the_history() {
    for seed in 0..500 {
        let mut rng = StdRng::seed_from_u64(seed);
        let lot = Lot::new(Units(2), vec![Units(1), Units(2), Units(1)]);
        let history = play(&mut rng, &lot, false);
        let Verdict::Linearizable(order) = search(&lot, &history, 1_000_000) else {
            panic!("seed {seed} can be explained")
        };
        let mut state = lot.start();
        let mut latest_call_ns = 0;
        for &place in &order {
            let operation = &history[place];
            state = lot.step(&state, &operation.call, operation.answer()).expect("it fits");
            assert!(operation.returned_ns().is_none_or(|returned| returned >= latest_call_ns));
            latest_call_ns = latest_call_ns.max(operation.invoked_ns);
        }
        let answered =
            |order: &[usize]| order.iter().filter(|p| history[**p].answer().is_some()).count();
        let all: Vec<usize> = (0..history.len()).collect();
        assert_eq!(answered(&order), answered(&all), "seed {seed}: every answer has its place");
    }
}
