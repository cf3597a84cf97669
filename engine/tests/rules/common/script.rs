//! The language of the scripts. A line is `[@SECONDS] [s0:] COMMAND`; `s0:` addresses stock segment
//! 0 rather than the house, and the clock stays where a line put it. Words that name an option may
//! stand anywhere: `key K`, `for S`, `within S`, `at S`, `gate G`, `scan N`, `pass N/SECONDS`, and
//! `account S`, when the buyer's was made.
//!
//! ```text
//!   ann holds A1 A2              ann holds best 3 adjacent in premium section balcony
//!   s0: ann holds 2 standing     release 1                   ann orders 1 within 300
//!   pay 1 as p1                  cancel 1                    counter ann A1
//!   ann orders 1 named x y       counter ann A1 named x
//!   success p1 of 1 100.00       failed p1 of 1 100.00       returned p1 of 1
//!   enter 1/0                    enter 1/0 forged            take back 1
//!   open | close | pause | resume [operator]                 on sale everything | A1 A2 | 4
//! standing
//!   change limit 2               change prices 60.00 30.00   change pool 0 5 25.00
//!   change hoarding holds 2 pause 1 30 120 new 600 20 strangers      change hoarding
//!   change hold 60               change starts 10            change ends 900
//!   change documents 1
//!   extend 60                    expire 1 2                  schedule
//!   lend 4 to 1                  receive 4 from 0 as 1       settle 1 with 1      withdraw 3
//!   ? counts | ? seat A1 | ? hold 1 | ? order 1 | ? unfinished
//! ```

use usher_engine::command::{
    CheckIn, CounterSale, HoldRequest, KeyUse, OrderRequest, PassUse, PaymentMessage, PaymentStart,
    PaymentVerdict, Wish,
};
use usher_engine::hoarding::{Hoarding, LapseRule, NewAccountRule};
use usher_engine::id::{DocumentHash, PlaceNo, TicketNonce};
use usher_engine::inventory::Goods;
use usher_engine::plan::{CategoryIx, SeatIx, SeatPlan, SectionIx};
use usher_engine::room::PassNo;
use usher_engine::show::{OnSale, PausedBy, PoolChange, SaleMove, SeatRange, ShowChange};
use usher_engine::{BuyerId, Cents, Command, HoldNo};

use super::stage::{Stage, key_hash, moment};
use super::text;

impl Stage {
    /// Plays one line and says what came of it.
    pub(crate) fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.first().and_then(|word| word.strip_prefix('@')) {
            self.now = moment(at.parse().expect(line));
            words.remove(0);
        }
        let segment = words.first().and_then(|word| word.strip_prefix('s')?.strip_suffix(':'));
        let segment = segment.map(|number| number.parse().expect(line));
        if segment.is_some() {
            words.remove(0);
        }
        if words.first() == Some(&"?") {
            return self.ask(segment, &words[1..]);
        }
        let command = self.parse(segment, words);
        let decision = self.run(segment, &command);
        let plan = self.plan.clone();
        text::decision(&plan, &self.at(segment).live, &decision)
    }

    fn ask(&mut self, segment: Option<u16>, words: &[&str]) -> String {
        let plan = self.plan.clone();
        let inventory = &self.at(segment).live;
        match words {
            ["counts"] => text::counts(inventory),
            ["hold", no] => text::hold(&plan, inventory, hold_no(no)),
            ["order", no] => text::order(inventory, hold_no(no)),
            ["unfinished"] => {
                let effects: Vec<_> =
                    inventory.unfinished().iter().filter_map(text::effect).collect();
                effects.join("; ")
            }
            ["seat", label] => match inventory.goods() {
                Goods::Seats(map) => format!("{:?}", map.status(seat(&plan, label))),
                _ => panic!("no seats here"),
            },
            _ => panic!("no such question: {words:?}"),
        }
    }

    fn parse(&mut self, segment: Option<u16>, mut words: Vec<&str>) -> Command {
        let key = option(&mut words, "key").map(|key| {
            // The name of a payment is made by the server, so it is no part of the request.
            let body = words.split(|word| *word == "as").next().unwrap_or_default().join(" ");
            let key = key_hash(&format!("{} {key}", operation(&words)));
            KeyUse { key, digest: key_hash(&body) }
        });
        let documents = named(&mut words);
        let at = option(&mut words, "at").map(|at| moment(at.parse().expect("seconds")));
        match words[..] {
            [buyer, "holds", ..] => {
                let hold_ms = option(&mut words, "for").map(milliseconds);
                let pass = option(&mut words, "pass").map(pass);
                let account = option(&mut words, "account");
                let account_made_at = account.map(|at| moment(at.parse().expect("seconds")));
                let wish = self.wish(&mut words.split_off(2));
                let buyer = self::buyer(buyer);
                Command::Hold(HoldRequest { buyer, wish, hold_ms, key, pass, account_made_at })
            }
            [buyer, "orders", hold, ..] => Command::Order(OrderRequest {
                hold: hold_no(hold),
                buyer: self::buyer(buyer),
                pay_ms: option(&mut words, "within").map_or(900_000, milliseconds),
                contact: b"sealed".as_slice().into(),
                documents,
                key,
            }),
            ["counter", buyer, ..] => Command::CounterSale(CounterSale {
                buyer: self::buyer(buyer),
                wish: self.wish(&mut words.split_off(2)),
                contact: b"sealed".as_slice().into(),
                documents,
                nonces: self.nonces(),
                key,
            }),
            ["release", hold] => Command::Release { hold: hold_no(hold) },
            ["cancel", order] => Command::Cancel { order: hold_no(order) },
            ["pay", order, "as", reference] => Command::StartPayment(PaymentStart {
                order: hold_no(order),
                reference: reference.into(),
                extension_ms: 300_000,
                key,
            }),
            ["success", ..] => self.message(&words, PaymentVerdict::Success),
            ["failed", ..] => self.message(&words, PaymentVerdict::Failed),
            ["returned", reference, "of", order] => {
                Command::RefundMade { order: hold_no(order), reference: reference.into() }
            }
            ["take", "back", order] => {
                Command::Refund { order: hold_no(order), reason: "the singer is ill".into() }
            }
            ["enter", ticket, ..] => {
                let gate = option(&mut words, "gate").unwrap_or("north").into();
                let scan = option(&mut words, "scan").map(|name| name.parse().expect("a number"));
                let forged = words.contains(&"forged");
                let (order, index) = ticket.split_once('/').expect("order and index");
                let (order, index) = (hold_no(order), index.parse().expect("an index"));
                let nonce = if forged { None } else { self.nonce(segment, order, index) };
                let nonce = nonce.unwrap_or(TicketNonce([255; 10]));
                Command::CheckIn(CheckIn { order, index, nonce, gate, scanned_at: at, scan })
            }
            ["open"] => Command::MoveSale(SaleMove::Open),
            ["close"] => Command::MoveSale(SaleMove::Close),
            ["require", "passes"] => Command::MoveSale(SaleMove::RequirePasses),
            ["waive", "passes"] => Command::MoveSale(SaleMove::WaivePasses),
            ["pause", ..] => Command::MoveSale(SaleMove::Pause(party(&words))),
            ["resume", ..] => Command::MoveSale(SaleMove::Resume(party(&words))),
            ["on", "sale", ref what @ ..] => Command::PutOnSale { what: self.on_sale(what), at },
            ["schedule"] => Command::RunSchedule,
            ["extend", seconds] => Command::ExtendHolds { ms: milliseconds(seconds) },
            ["expire", ref holds @ ..] => {
                Command::Expire { holds: holds.iter().map(|no| hold_no(no)).collect() }
            }
            ["change", ref what @ ..] => Command::ChangeShow(Box::new(self.change(what))),
            ["withdraw", quantity] => Command::Withdraw { quantity: number(quantity) },
            ["lend", quantity, "to", to] => {
                Command::Lend { borrower: small(to), quantity: number(quantity) }
            }
            ["receive", quantity, "from", donor, "as", no] => Command::Receive {
                donor: small(donor),
                number: number(no),
                quantity: number(quantity),
            },
            ["settle", no, "with", borrower] => {
                Command::SettleLoan { borrower: small(borrower), number: number(no) }
            }
            _ => panic!("not a command: {words:?}"),
        }
    }

    fn wish(&self, words: &mut Vec<&str>) -> Wish {
        match words[..] {
            ["best", quantity, ..] => {
                let category = option(words, "in");
                let section = option(words, "section");
                Wish::BestAvailable {
                    quantity: number(quantity),
                    category: category
                        .map(|name| self.plan.find_category(name).unwrap_or(CategoryIx(u8::MAX))),
                    section: section
                        .map(|name| self.plan.find_section(name).unwrap_or(SectionIx(u16::MAX))),
                    adjacent: words.contains(&"adjacent"),
                }
            }
            [quantity, "standing"] => Wish::Stock { quantity: number(quantity) },
            _ => Wish::Seats(words.iter().map(|label| seat(&self.plan, label)).collect()),
        }
    }

    fn on_sale(&self, words: &[&str]) -> OnSale {
        match words {
            ["everything"] => OnSale::Everything,
            [quantity, "standing"] => OnSale::Stock { pool: 0, quantity: number(quantity) },
            [quantity, "of", pool] => {
                OnSale::Stock { pool: small(pool), quantity: number(quantity) }
            }
            _ => {
                let seats: Vec<_> = words.iter().map(|label| seat(&self.plan, label)).collect();
                OnSale::Seats(SeatRange::pack(&seats))
            }
        }
    }

    fn change(&self, words: &[&str]) -> ShowChange {
        let mut change = ShowChange::default();
        match words {
            ["limit", n] => change.units_per_buyer_max = Some(number(n)),
            ["documents", n] => change.units_per_document_max = Some(number(n)),
            ["hold", n] => change.hold_ms = Some(milliseconds(n)),
            ["starts", n] => change.sale_starts_at = Some(moment(n.parse().expect("seconds"))),
            ["ends", n] => change.sale_ends_at = Some(moment(n.parse().expect("seconds"))),
            ["hoarding", rules @ ..] => change.hoarding = Some(hoarding(rules)),
            ["prices", prices @ ..] => {
                change.prices = Some(prices.iter().map(|price| money(price)).collect());
            }
            pools => {
                let one = |words: &[&str]| match words {
                    [pool, add] => PoolChange { pool: small(pool), add: number(add), price: None },
                    [pool, add, price] => {
                        let price = Some(money(price));
                        PoolChange { pool: small(pool), add: number(add), price }
                    }
                    _ => panic!("not a change: {words:?}"),
                };
                let pools = pools.split(|word| *word == "pool").skip(1);
                change.pools = pools.map(one).collect();
            }
        }
        change
    }

    fn message(&mut self, words: &[&str], verdict: PaymentVerdict) -> Command {
        let [_, reference, "of", order, amount, rest @ ..] = words else {
            panic!("not a payment: {words:?}");
        };
        Command::PaymentMessage(PaymentMessage {
            order: hold_no(order),
            reference: (*reference).into(),
            verdict,
            amount: money(amount),
            nonces: self.nonces(),
            stock_settled: rest == ["settled"],
        })
    }

    fn nonce(&mut self, segment: Option<u16>, no: HoldNo, index: u8) -> Option<TicketNonce> {
        let hold = self.at(segment).live.hold(no)?;
        let order = hold.order.as_deref()?;
        Some(order.tickets.get(usize::from(index))?.nonce)
    }
}

/// `holds N`, `pause AFTER SECONDS MAX`, `new SECONDS PERCENT [strangers]`, or none of them.
fn hoarding(words: &[&str]) -> Hoarding {
    let mut words = words.to_vec();
    let mut take = |name: &str, count: usize| {
        let place = words.iter().position(|word| *word == name)?;
        Some(words.drain(place..=place + count).skip(1).collect::<Vec<_>>())
    };
    let strangers = take("strangers", 0).is_some();
    Hoarding {
        holds_max: take("holds", 1).map(|of| number(of[0])),
        lapses: take("pause", 3).map(|of| LapseRule {
            free: number(of[0]),
            pause_ms: milliseconds(of[1]),
            pause_ms_max: milliseconds(of[2]),
        }),
        new_accounts: take("new", 2).map(|of| NewAccountRule {
            younger_than_ms: milliseconds(of[0]),
            share_percent: of[1].parse().expect("a percentage"),
            strangers,
        }),
    }
}

pub(crate) fn buyer(name: &str) -> BuyerId {
    BuyerId(u128::from(key_hash(name)))
}

/// A seat by its label. Names of nothing give numbers of nothing, so that scripts can ask for it.
fn seat(plan: &SeatPlan, label: &str) -> SeatIx {
    plan.find(label).unwrap_or(SeatIx(u32::MAX))
}

/// Takes an option and its value out of the words.
fn option<'a>(words: &mut Vec<&'a str>, name: &str) -> Option<&'a str> {
    let place = words.iter().position(|word| *word == name)?;
    words.remove(place);
    Some(words.remove(place))
}

/// Takes the documents of an order, which stand at its end.
fn named(words: &mut Vec<&str>) -> Vec<DocumentHash> {
    let Some(place) = words.iter().position(|word| *word == "named") else { return Vec::new() };
    let names = words.split_off(place);
    names[1..].iter().map(|name| document(name)).collect()
}

pub(crate) fn document(name: &str) -> DocumentHash {
    DocumentHash(u128::from(key_hash(name)))
}

/// The scope of a key: what it is used for, as the gateway would say.
fn operation(words: &[&str]) -> &'static str {
    match words {
        [_, "holds", ..] => "hold",
        [_, "orders", ..] => "order",
        ["pay", ..] => "pay",
        ["counter", ..] => "counter",
        _ => panic!("no key goes with {words:?}"),
    }
}

fn party(words: &[&str]) -> PausedBy {
    if words.contains(&"operator") { PausedBy::Operator } else { PausedBy::Organiser }
}

fn hold_no(word: &str) -> HoldNo {
    HoldNo(number(word))
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}

fn small(word: &str) -> u16 {
    word.parse().expect("a small number")
}

fn milliseconds(word: &str) -> u64 {
    let seconds: u64 = word.parse().expect("seconds");
    seconds * 1_000
}

/// `100.00`
fn money(word: &str) -> Cents {
    let (whole, cents) = word.split_once('.').expect("an amount");
    let parse = |part: &str| part.parse::<u64>().expect("an amount");
    Cents(parse(whole) * 100 + parse(cents))
}

/// A pass: its number, and when it runs out.
fn pass(word: &str) -> PassUse {
    let (pass, expires_at) = word.split_once('/').expect("number and seconds");
    PassUse {
        pass: PassNo(number(pass)),
        place: PlaceNo(0),
        expires_at: moment(expires_at.parse().expect("seconds")),
    }
}
