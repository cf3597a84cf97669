//! The state of all seats of a show, at one version.
//!
//! Read from the published board, never from the owner. Static geometry (labels, positions) is in
//! the plan, which is cacheable for ever; what changes is two bits a seat, and that is the compact
//! form. The JSON form says the same with labels and prices, for people and small halls.

use crate::app::App;
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;
use crate::http::refusals::seat_status;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, VARY};
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::seats::SeatStatus;
use usher_shards::view::{Changes, SeatMapCopy};
use usher_shards::{Face, ShowView};
use usher_wire::seatmap::{self, SEAT_MAP_MEDIA_TYPE};
use usher_wire::{Problem, SeatMap, SeatState};

use super::written::{self, Asked, Form, Written};
use super::{etag, lookup};

/// How long a reader may wait for a version that is not there yet.
const AT_LEAST_PATIENCE: Duration = Duration::from_millis(100);
/// Maps of more seats are written on a thread that may take its time.
const SEATS_AT_ONCE_MAX: usize = 4_096;

/// Which seats, and how new.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SeatsQuery {
    /// Only this section: the plan's `zone_id`.
    section: Option<String>,
    /// Only what changed after this version; the whole where that is too long ago.
    since: Option<u64>,
    /// Wait up to 100 ms for this version.
    at_least: Option<u64>,
}

/// The state of all seats, or of what changed.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}/seats", tag = "buyers", operation_id = "getSeats",
    params(("showId" = String, Path, description = "The show"), SeatsQuery),
    responses(
        (status = 200,
         description = "The seats; `Accept: application/vnd.usher.seatmap` gives the compact form",
         content((SeatMap = "application/json"), (Vec<u8> = "application/vnd.usher.seatmap")),
         headers(("ETag" = String))),
        (status = 304, description = "Nothing changed"),
        (status = 404, body = Problem, description = "No such show",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    show_id: Path<String>,
    query: QueryOf<SeatsQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(query) = query;
    let view = lookup::show(&app, &show_id)?;
    let seats = section(&view, query.section.as_deref())?;
    if let Some(version) = query.at_least {
        let mut versions = view.subscribe();
        let reached = versions.wait_for(|now| *now >= version);
        // What is there after the wait is served, whatever version it has.
        drop(tokio::time::timeout(AT_LEAST_PATIENCE, reached).await);
    }
    let now = view.seats.figures().version;
    if query.since.is_none() {
        let tag = tag(now);
        if etag::is_known(&request, &tag) {
            return Ok(headed(&mut HttpResponse::NotModified(), tag).finish());
        }
    }
    let form = match query.since {
        _ if wants_compact(&request) => Form::Compact,
        // A version from the future was not given out here: the whole map sets its reader right.
        Some(since) if since <= now => Form::Since(since),
        _ => Form::Json,
    };
    let face = view.kept_face();
    let terms_version = face.terms_version;
    let asked = Asked { show: view.key, terms_version, version: now, form, seats };
    let written = match written::find(&asked) {
        Some(written) => written,
        None => {
            let written = write(&view, &face, &asked).await?;
            written::remember(asked, &written);
            written
        }
    };
    let mut response = HttpResponse::Ok();
    headed(&mut response, tag(written.version));
    response.insert_header((
        CONTENT_TYPE,
        match form {
            Form::Compact => SEAT_MAP_MEDIA_TYPE,
            Form::Since(_) | Form::Json => "application/json",
        },
    ));
    Ok(response.body(written.bytes))
}

async fn write(view: &Arc<ShowView>, face: &Arc<Face>, asked: &Asked) -> Result<Written, ApiError> {
    let seats = asked.seats.clone();
    if let Form::Since(since) = asked.form
        && let Some(changes) = view.seats.changes_since(since)
    {
        let map = delta(view, face, since, &changes, &seats);
        return Ok(Written { version: changes.version, bytes: json(&map) });
    }
    let copy = view.seats.copy();
    let version = copy.version;
    let bytes = match asked.form {
        Form::Compact => compact(&copy, seats).into(),
        Form::Since(_) | Form::Json if seats.len() <= SEATS_AT_ONCE_MAX => {
            json(&whole(view, face, &copy, seats))
        }
        Form::Since(_) | Form::Json => {
            let (view, face) = (view.clone(), face.clone());
            let written = web::block(move || json(&whole(&view, &face, &copy, seats)));
            written.await.map_err(ApiError::internal)?
        }
    };
    Ok(Written { version, bytes })
}

fn json(map: &SeatMap) -> Bytes {
    serde_json::to_vec(map).expect("a seat map is plain data").into()
}

/// The seats of a section; all of them where none is named.
fn section(view: &ShowView, name: Option<&str>) -> Result<Range<u32>, ApiError> {
    let plan = view.plan.as_deref();
    let Some(name) = name else { return Ok(0..plan.map_or(0, SeatPlan::seat_count)) };
    let found = plan.and_then(|plan| Some(plan.section(plan.find_section(name)?).seats()));
    found.ok_or_else(|| ApiError::parameter("section", "the plan has no such section"))
}

fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

fn headed(
    response: &mut actix_web::HttpResponseBuilder,
    tag: String,
) -> &mut actix_web::HttpResponseBuilder {
    // Any cache may keep it, but must ask whether it still holds.
    const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
    const VARIES: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, NO_CACHE))
        .insert_header((VARY, VARIES))
}

fn wants_compact(request: &HttpRequest) -> bool {
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.any(|list| {
        let mut kinds = list.split(',').map(|kind| kind.split(';').next().unwrap_or("").trim());
        kinds.any(|kind| kind.eq_ignore_ascii_case(SEAT_MAP_MEDIA_TYPE))
    })
}

fn compact(copy: &SeatMapCopy, range: Range<u32>) -> Vec<u8> {
    if range.len() == copy.seat_count as usize {
        // The board keeps the very bits of the compact form.
        let mut bytes = seatmap::encode(copy.version, std::iter::empty());
        bytes[12..seatmap::HEADER_BYTES].copy_from_slice(&copy.seat_count.to_le_bytes());
        bytes.extend_from_slice(&copy.bits);
        return bytes;
    }
    seatmap::encode(copy.version, SeatsOf(range).map(|seat| seat_status(copy.status(seat))))
}

/// The seats of a range; its length is known, unlike that of a mapped `Range<u32>`.
struct SeatsOf(Range<u32>);

impl Iterator for SeatsOf {
    type Item = SeatIx;

    fn next(&mut self) -> Option<SeatIx> {
        self.0.next().map(SeatIx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for SeatsOf {}

fn delta(
    view: &ShowView,
    face: &Face,
    since: u64,
    changes: &Changes,
    range: &Range<u32>,
) -> SeatMap {
    let seats = changes.seats.iter().filter(|(seat, _)| range.contains(&seat.0));
    let seats = view.plan.iter().flat_map(|plan| {
        seats.clone().map(|&(seat, status)| state(plan, &face.terms.prices, seat, status))
    });
    SeatMap { version: changes.version, since: Some(since), seats: seats.collect() }
}

fn whole(view: &ShowView, face: &Face, copy: &SeatMapCopy, range: Range<u32>) -> SeatMap {
    let seats = view.plan.iter().flat_map(|plan| {
        let prices = &face.terms.prices;
        SeatsOf(range.clone()).map(move |seat| state(plan, prices, seat, copy.status(seat)))
    });
    SeatMap { version: copy.version, since: None, seats: seats.collect() }
}

fn state(
    plan: &SeatPlan,
    prices: &[usher_engine::Cents],
    seat: SeatIx,
    status: SeatStatus,
) -> SeatState {
    SeatState {
        seat_id: plan.label(seat).to_owned(),
        status: seat_status(status),
        price_cents: prices.get(plan.category_of(seat).index()).map_or(0, |price| price.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use usher_wire::seatmap::CompactSeatMap;

    fn copy() -> SeatMapCopy {
        // 0 available, 1 held, 2 sold, 3 blocked, 4 held.
        SeatMapCopy { version: 9, seat_count: 5, bits: vec![0b1110_0100, 0b01] }
    }

    #[test]
    fn the_compact_form_has_all_seats_or_those_of_a_section() {
        use usher_wire::SeatStatus::{Available, Blocked, Held, Sold};
        let statuses = |range| {
            let bytes = compact(&copy(), range);
            let map = CompactSeatMap::parse(&bytes).expect("a map");
            assert_eq!(map.version(), 9);
            map.iter().collect::<Vec<_>>()
        };
        assert_eq!(statuses(0..5), [Available, Held, Sold, Blocked, Held]);
        assert_eq!(statuses(1..3), [Held, Sold]);
        assert_eq!(statuses(2..2), []);
    }

    #[test]
    fn the_compact_form_is_only_for_who_asks() {
        let wants = |accept: &str| {
            wants_compact(&TestRequest::default().insert_header((ACCEPT, accept)).to_http_request())
        };
        assert!(wants("application/vnd.usher.seatmap"));
        assert!(wants("text/html, Application/vnd.usher.seatmap;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json") && !wants(""));
    }
}
