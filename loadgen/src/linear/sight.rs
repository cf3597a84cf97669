//! Looking at published views: the seat map in all its forms, and the show's page.
//!
//! Every map names its version, and a client that has a copy may be told what changed since, or
//! that nothing did; each becomes the whole map at a version again. A map is an operation on every
//! open seat. What the page says of a pool is exact for a pool of one segment; of several, segments
//! are read one after the other while tickets move, so that sum is checked when all is quiet.

use hyper::header::HeaderValue;
use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use usher_linear::{Answer, Call, SeatStatus, Told, Units};
use usher_wire::seatmap::{CompactSeatMap, SEAT_MAP_MEDIA_TYPE};
use usher_wire::{SeatMap, Show};

use super::letters::{of_seat, parse};
use super::notebook::{Kind, Notebook, answered};
use super::stage::Stage;
use crate::api::get;
use crate::http::{Reply, Request};

/// In which form something is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The whole map as JSON.
    Json,
    /// The whole map in two bits a seat.
    Compact,
    /// What changed since the copy.
    Changes,
    /// The whole map, unless it is the copy.
    IfChanged,
    /// The show's page.
    Page,
    /// The show's page when nobody else asks for anything; tells of every pool.
    QuietPage,
    /// The whole map as JSON, when nobody else asks for anything; tells of every seat that was
    /// ever open.
    QuietMap,
}

/// A client's copy of the map.
#[derive(Debug)]
pub(super) struct Eyes {
    client: u32,
    copy: Option<(u64, Vec<SeatStatus>)>,
}

impl Eyes {
    pub(super) fn new(client: u32) -> Self {
        Self { client, copy: None }
    }

    /// A request for the map, in any form that the copy allows.
    pub(super) fn map_request(
        &self,
        stage: &Stage,
        rng: &mut Xoshiro256PlusPlus,
    ) -> (Request, Form) {
        let form = match (&self.copy, rng.random_range(0..10)) {
            (_, 0) => Form::Json,
            (None, _) | (_, 1..5) => Form::Compact,
            (_, 5..8) => Form::Changes,
            _ => Form::IfChanged,
        };
        (self.map_in(stage, form), form)
    }

    /// A request for the map in one form.
    pub(super) fn map_in(&self, stage: &Stage, form: Form) -> Request {
        let path = format!("/api/v1/shows/{}/seats", stage.show_id);
        let version = self.copy.as_ref().map_or(0, |(version, _)| *version);
        let compact = |request: Request| {
            request.header("accept", HeaderValue::from_static(SEAT_MAP_MEDIA_TYPE))
        };
        match form {
            Form::Compact => compact(get(path)),
            Form::Changes => get(format!("{path}?since={version}")),
            Form::IfChanged => {
                let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("a number");
                compact(get(path)).header("if-none-match", tag)
            }
            Form::Json | Form::QuietMap | Form::Page | Form::QuietPage => get(path),
        }
    }

    /// A request for the show's page.
    pub(super) fn page_request(&self, stage: &Stage) -> (Request, Form) {
        (get(format!("/api/v1/shows/{}", stage.show_id)), Form::Page)
    }

    /// Writes down what a reply shows.
    pub(super) fn see(
        &mut self,
        notes: &mut Notebook,
        stage: &Stage,
        reply: &Reply,
        form: Form,
        at: (u64, u64),
    ) {
        let is_page = matches!(form, Form::Page | Form::QuietPage);
        let what = if is_page { "read show" } else { "read map" };
        if reply.status == 503 {
            return notes.count(what, "busy".into());
        }
        let seen = if is_page {
            self.see_page(notes, reply, form, at)
        } else {
            self.see_map(notes, stage, reply, form, at)
        };
        match seen {
            Some(()) => notes.count(what, format!("{form:?}").to_lowercase()),
            None => {
                let text = String::from_utf8_lossy(&reply.body);
                let text: String = text.chars().take(300).collect();
                notes.count(what, "odd".into());
                notes.oddities.push(format!("{what} was answered with {} {text}", reply.status));
            }
        }
    }

    fn see_map(
        &mut self,
        notes: &mut Notebook,
        stage: &Stage,
        reply: &Reply,
        form: Form,
        at: (u64, u64),
    ) -> Option<()> {
        let copy = self.copy.take();
        let (version, map) = read_map(stage, reply, form, copy)?;
        let lots: Vec<_> = match form {
            Form::QuietMap => (0..notes.lots.len()).collect(),
            _ => notes.open().to_vec(),
        };
        for lot in lots {
            let Kind::Seat { place, .. } = notes.lots[lot].kind else { continue };
            if form == Form::QuietMap && notes.lots[lot].history.is_empty() {
                continue;
            }
            let answer = Answer::Seat(*map.get(place)?);
            notes.note(lot, answered(self.client, Call::ReadSeat, at, answer));
        }
        let told = told(self.client, "read map", at, version, Some(map.clone()));
        notes.house.push(told);
        self.copy = Some((version, map));
        Some(())
    }

    fn see_page(
        &self,
        notes: &mut Notebook,
        reply: &Reply,
        form: Form,
        at: (u64, u64),
    ) -> Option<()> {
        let page: Show = (reply.status == 200).then(|| parse(reply))??;
        let is_quiet = form == Form::QuietPage;
        let lots: Vec<_> =
            if is_quiet { (0..notes.lots.len()).collect() } else { notes.open().to_vec() };
        for lot in lots {
            let Kind::Pool { name, segments } = &notes.lots[lot].kind else { continue };
            if !is_quiet && *segments > 1 {
                continue;
            }
            let pool = page.stock.iter().find(|pool| pool.name == *name)?;
            let answer = Answer::Free(Units(pool.available));
            notes.note(lot, answered(self.client, Call::ReadFree, at, answer));
        }
        notes.show.push(told(self.client, "read show", at, page.version, None));
        Some(())
    }
}

/// The whole map that a reply stands for, with its version.
fn read_map(
    stage: &Stage,
    reply: &Reply,
    form: Form,
    copy: Option<(u64, Vec<SeatStatus>)>,
) -> Option<(u64, Vec<SeatStatus>)> {
    match (reply.status, form) {
        (304, Form::IfChanged) => copy,
        (200, Form::Compact | Form::IfChanged) => {
            let map = CompactSeatMap::parse(&reply.body)?;
            Some((map.version(), map.iter().map(of_seat).collect::<Option<_>>()?))
        }
        (200, Form::Json | Form::Changes | Form::QuietMap) => {
            let answer: SeatMap = parse(reply)?;
            let mut map = match (answer.since, copy) {
                (None, _) => vec![SeatStatus::Available; stage.seats.len()],
                (Some(since), Some((version, map))) if since == version => map,
                (Some(_), _) => return None,
            };
            if answer.since.is_none() && answer.seats.len() != map.len() {
                return None;
            }
            for seat in &answer.seats {
                let place = stage.place(&seat.seat_id)?;
                map[place] = of_seat(seat.status)?;
            }
            Some((answer.version, map))
        }
        _ => None,
    }
}

/// Something that was told with a version.
pub(super) fn told(
    client: u32,
    what: &'static str,
    (invoked_ns, returned_ns): (u64, u64),
    version: u64,
    map: Option<Vec<SeatStatus>>,
) -> Told {
    Told { client, what, invoked_ns, returned_ns, version, map }
}
