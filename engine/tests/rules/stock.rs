//! Stock segments: what the house tells them, and the loans between them.

use usher_engine::inventory::Goods;
use usher_engine::show::SegmentTerms;
use usher_engine::stock::Segment;

use crate::common::{Setting, Stage, check};

#[test]
fn a_loan_is_made_taken_and_settled() {
    check(
        "loan",
        "
        s0: lend 2 to 1             => done; send 2 to 1 as loan 1
        s0: ? counts                => 3 free, 0 held, 0 sold, 0 blocked, 2 lent, 0 received
        s0: ? unfinished            => send 2 to 1 as loan 1
        s1: receive 2 from 0 as 1   => done; confirm loan 1 to 0
        s1: ? counts                => 7 free, 0 held, 0 sold, 0 blocked, 0 lent, 2 received
        s1: ann holds 6 standing    => hold 1 Active until 600: 6 standing, 120.00
        s0: settle 1 with 1         => done
        s0: ? unfinished            =>
        s0: settle 1 with 1         => again: done
        s0: settle 7 with 1         => again: done
        s0: ? counts                => 3 free, 0 held, 0 sold, 0 blocked, 2 lent, 0 received
        ",
    );
    check(
        "back and forth",
        "
        s0: lend 5 to 1             => done; send 5 to 1 as loan 1
        s1: receive 5 from 0 as 1
        s1: lend 10 to 0            => done; send 10 to 0 as loan 1
        s0: receive 10 from 1 as 1  => done; confirm loan 1 to 1
        s0: ? counts                => 10 free, 0 held, 0 sold, 0 blocked, 5 lent, 10 received
        s1: ? counts                => 0 free, 0 held, 0 sold, 0 blocked, 10 lent, 5 received
        # Not yet settled: both are sent once more after a restart, and taken by nobody.
        s0: ? unfinished            => send 5 to 1 as loan 1
        s1: ? unfinished            => send 10 to 0 as loan 1
        ",
    );
}

#[test]
fn a_loan_is_taken_once_and_in_order() {
    check(
        "duplicates, and one that overtakes another",
        "
        s0: lend 2 to 1             => done; send 2 to 1 as loan 1
        s0: lend 3 to 1             => done; send 3 to 1 as loan 2
        # The second came first: not taken, not confirmed, so the donor sends it again.
        s1: receive 3 from 0 as 2   => again: done
        s1: ? counts                => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        s1: receive 2 from 0 as 1   => done; confirm loan 1 to 0
        s1: receive 2 from 0 as 1   => again: done; confirm loan 1 to 0
        s1: receive 3 from 0 as 2   => done; confirm loan 2 to 0
        s1: receive 2 from 0 as 1   => again: done; confirm loan 1 to 0
        s1: receive 3 from 0 as 2   => again: done; confirm loan 2 to 0
        s1: receive 9 from 0 as 4   => again: done
        s1: ? counts                => 10 free, 0 held, 0 sold, 0 blocked, 0 lent, 5 received
        s0: ? unfinished            => send 2 to 1 as loan 1; send 3 to 1 as loan 2
        s0: settle 2 with 1
        s0: ? unfinished            => send 2 to 1 as loan 1
        s0: settle 1 with 1
        s0: ? unfinished            =>
        ",
    );
    check(
        "loans are numbered for each pair",
        "
        show: stock=12/3
        s0: lend 1 to 1             => done; send 2 to 1 as loan 1
        s0: lend 1 to 2             => done; send 1 to 2 as loan 1
        s1: lend 4 to 2             => done; send 4 to 2 as loan 1
        s2: receive 4 from 1 as 1   => done; confirm loan 1 to 1
        s2: receive 1 from 0 as 1   => done; confirm loan 1 to 0
        s2: ? counts                => 9 free, 0 held, 0 sold, 0 blocked, 0 lent, 5 received
        s0: lend 1 to 1             => done; send 1 to 1 as loan 2
        ",
    );
}

#[test]
fn a_donor_gives_what_it_has() {
    check(
        "sizes",
        "
        show: stock=20/2
        s0: lend 1 to 1             => done; send 5 to 1 as loan 1
        s0: lend 4 to 1             => done; send 4 to 1 as loan 2
        s0: lend 4 to 1             => done; send 1 to 1 as loan 3
        s0: lend 1 to 1             => no: sold out, 0 free
        ",
    );
    check(
        "only what is free",
        "
        s0: ann holds 2 standing
        s0: counter ben 2 standing
        s0: lend 5 to 1             => done; send 1 to 1 as loan 1
        ",
    );
    check(
        "to another segment of the pool",
        "
        s0: lend 1 to 0             => no: sold out, 5 free
        s0: lend 1 to 2             => no: sold out, 5 free
        lend 1 to 1                 => no: wrong kind
        receive 1 from 1 as 1       => no: wrong kind
        settle 1 with 1             => again: done
        ",
    );
}

#[test]
fn a_request_that_waited_is_served_by_a_loan() {
    check(
        "borrow",
        "
        s0: ann holds 6 standing    => parked: 1 short of 6
        s1: lend 1 to 0             => done; send 2 to 0 as loan 1
        s0: receive 2 from 1 as 1
        s0: ann holds 6 standing    => hold 1 Active until 600: 6 standing, 120.00
        s0: ? counts                => 1 free, 6 held, 0 sold, 0 blocked, 0 lent, 2 received
        ",
    );
}

#[test]
fn tickets_are_withdrawn_from_what_is_not_on_sale_first() {
    check(
        "withdraw",
        "
        show: draft
        on sale 4 standing
        open
        s0: ? counts                => 2 free, 0 held, 0 sold, 3 blocked, 0 lent, 0 received
        s0: withdraw 0              => no: nothing asked
        withdraw 1                  => no: wrong kind
        s0: withdraw 1              => done
        s0: ? counts                => 2 free, 0 held, 0 sold, 2 blocked, 0 lent, 0 received
        s0: withdraw 3              => done
        s0: ? counts                => 1 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        s0: withdraw 3              => parked: 2 short of 3
        s0: ann holds 1 standing
        s0: withdraw 1              => parked: 1 short of 1
        # What was withdrawn does not come on sale with the next batch.
        on sale everything
        s0: ? counts                => 0 free, 1 held, 0 sold, 0 blocked, 0 lent, 0 received
        s1: ? counts                => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        # What is added later does.
        change pool 0 2
        s0: ? counts                => 1 free, 1 held, 0 sold, 0 blocked, 0 lent, 0 received
        # All that is there may go.
        s0: withdraw 1              => done
        s0: ? counts                => 0 free, 1 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
    let mut stage = Stage::new(&Setting::default());
    for line in ["s0: lend 5 to 1", "s1: receive 5 from 0 as 1", "s1: withdraw 8"] {
        assert!(stage.play(line).starts_with("done"), "{line}");
    }
    let capacities: Vec<_> = stage.segments.iter().map(|s| s.live.audit().capacity).collect();
    assert_eq!(capacities, [5, -3], "ten tickets less eight, wherever they were withdrawn");
}

/// The house tells a state, not a step: whatever comes twice, late or never does no harm.
#[test]
fn terms_may_come_twice_and_in_any_order() {
    let mut told: Vec<SegmentTerms> = Vec::new();
    let mut stage = Stage::new(&Setting { open: false, ..Setting::default() });
    for line in ["on sale 3 standing", "open", "change limit 2", "pause", "change pool 0 7"] {
        stage.play(line);
        told.push(stage.house.live.segment_terms()[0].clone());
    }
    let want = segment(&stage, 0).clone();
    assert_eq!((want.base, want.available, want.blocked), (9, 2, 7));
    let orders: [&[usize]; 5] =
        [&[0, 1, 2, 3, 4], &[4], &[4, 3, 2, 1, 0], &[1, 1, 4, 0, 4], &[0, 3, 2, 4, 1, 3]];
    for order in orders {
        let mut other = Stage::new(&Setting { open: false, ..Setting::default() });
        let before = other.segments[0].live.version();
        let mut heard = before;
        let mut newest = None;
        for &at in order {
            other.tell(told[at].clone());
            let news = newest.is_none_or(|newest| at > newest);
            newest = newest.max(Some(at));
            heard += u64::from(news);
            assert_eq!(other.segments[0].live.version(), heard, "{order:?}: only news is recorded");
        }
        // How often stock came does differ; where it is does not.
        let got = Segment { gains: want.gains, ..segment(&other, 0).clone() };
        assert_eq!(got, want, "{order:?}");
        assert_eq!(other.segments[0].live.terms(), stage.segments[0].live.terms(), "{order:?}");
        assert_eq!(other.play("s0: ann holds 1 standing"), "no: sale Paused");
    }
}

#[test]
fn a_house_takes_no_terms() {
    let mut stage = Stage::new(&Setting::default());
    let terms = stage.house.live.segment_terms()[0].clone();
    let command = usher_engine::Command::SetTerms(Box::new(terms));
    let decision = stage.run(None, &command);
    let refused = usher_engine::Outcome::Refused(usher_engine::Refusal::WrongKind);
    assert_eq!(decision.outcome, refused);
}

#[test]
fn the_shares_of_the_segments_are_the_pool() {
    for (stock, segments) in [(1, 1), (1, 64), (10, 3), (63, 64), (50_000, 8), (10_000_000, 64)] {
        let mut stage =
            Stage::new(&Setting { stock, segments, compare_every: 64, ..Setting::default() });
        let available = |stage: &Stage| -> Vec<u32> {
            (0..segments).map(|no| segment(stage, no).available).collect()
        };
        let shares = available(&stage);
        assert_eq!(shares.iter().sum::<u32>(), stock);
        assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
        if stock < 10_000_000 {
            stage.play("change pool 0 5");
            assert_eq!(available(&stage).iter().sum::<u32>(), stock + 5);
        }
    }
}

/// Two equal readings of `gains` with nothing free between them mean that nothing was free.
#[test]
fn every_moment_at_which_stock_grows_is_counted() {
    let rows = [
        ("s0: ann holds 2 standing", 0),
        ("s0: ann holds 1 standing", 0),
        ("s0: release 1", 1),
        ("@600 s0: expire 2", 1),
        ("s0: counter ann 2 standing", 0),
        ("s0: take back 3", 1),
        ("s0: lend 2 to 1", 0),
        ("s0: settle 1 with 1", 0),
        ("s0: receive 1 from 1 as 1", 1),
        ("s0: receive 1 from 1 as 1", 0),
        ("s0: withdraw 1", 0),
        ("change pool 0 4", 1),
        ("pause", 0),
    ];
    let mut stage = Stage::new(&Setting::default());
    for (line, grows) in rows {
        let before = segment(&stage, 0).gains;
        let got = stage.play(line);
        assert!(!got.starts_with("no:"), "{line}: {got}");
        assert_eq!(segment(&stage, 0).gains - before, grows, "{line}: {got}");
    }
}

fn segment(stage: &Stage, no: u16) -> &Segment {
    match stage.segments[usize::from(no)].live.goods() {
        Goods::Stock(segment) => segment,
        Goods::Nothing | Goods::Seats(_) => panic!("a segment sells stock"),
    }
}
