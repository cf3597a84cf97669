//! What happened, in order: answers "why was I refused?".
//!
//! Refusals are in no journal, since a sold-out flood must cost no disk. But a refusal has a
//! reason, and that is recorded: somebody else's hold on the seat, the buyer's own holds, a pause,
//! the end of a hold. So what concerns the whole show is told with everything that is asked for.

use crate::app::App;
use crate::buyers::{checks, holds, lookup};
use crate::http::problem::{ApiError, Code};
use crate::http::query::QueryOf;
use crate::ids;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use usher_engine::Timestamp;
use usher_shards::{HistoryFilter, ShowView};
use usher_wire::{HistoryAnswer, Problem};

use super::words::Teller;

/// The most records that an answer holds.
const RECORDS_MAX: usize = 1_000;

/// What to look for. All that is given must match; without any, everything in the show does.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// What concerned this seat.
    seat_id: Option<String>,
    /// What concerned this hold or order, by the id of either.
    hold_id: Option<String>,
    /// What this user did.
    #[param(min_length = 1, max_length = 128)]
    user_id: Option<String>,
    /// Not before.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<jiff::Timestamp>,
    /// Not after.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<jiff::Timestamp>,
}

/// What happened in a show to a seat, a hold, a user, or at all. Read from the journal, as far
/// back as it is kept.
#[utoipa::path(
    get, path = "/ops/v1/shows/{showId}/history", tag = "operators", operation_id = "showHistory",
    security(("operator" = [])),
    params(("showId" = String, Path, description = "The show"), HistoryQuery),
    responses(
        (status = 200, body = HistoryAnswer, description = "The newest 1000 records that match"),
        (status = 400, body = Problem, description = "A parameter is wrong",
         content_type = "application/problem+json"),
        (status = 404, body = Problem, description = "There is no such show or hold",
         content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "There is no such seat",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    show_id: Path<String>,
    query: QueryOf<HistoryQuery>,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let QueryOf(query) = query;
    let filter = filter(&app, &view, &query)?;
    let key = view.key;
    let read = move |replica: &mut usher_shards::Replica| {
        replica.history(key, &filter).map(|records| (records, replica.at_seq()))
    };
    let read = app.router.replica().ask(read).await?;
    let (mut records, at_sequence) = read.map_err(ApiError::internal)?;
    // One more than an answer holds was asked for, to know whether there is more.
    let truncated = records.len() > RECORDS_MAX;
    if truncated {
        records.remove(0);
    }
    let teller = Teller::new(&app.ids, &view);
    let entries = records.iter().flat_map(|record| teller.entries(record)).collect();
    let show_id = show_id.into_inner();
    Ok(HttpResponse::Ok().json(HistoryAnswer { show_id, entries, truncated, at_sequence }))
}

fn filter(app: &App, view: &ShowView, query: &HistoryQuery) -> Result<HistoryFilter, ApiError> {
    let seat = match &query.seat_id {
        None => None,
        Some(label) => {
            let plan = holds::plan_of(view)?;
            let unknown = || ApiError::new(Code::UnknownSeat).detail("the plan has no such seat");
            Some(plan.find(label).ok_or_else(unknown)?)
        }
    };
    let hold = match &query.hold_id {
        None => None,
        Some(id) => {
            let parsed = app.ids.parse_hold(id).or_else(|_| app.ids.parse_order(id));
            let of_show = parsed.ok().filter(|route| route.inventory.show == view.key);
            let route = of_show.ok_or_else(|| ApiError::new(Code::UnknownHold))?;
            Some((route.inventory, route.number))
        }
    };
    let buyer = match &query.user_id {
        None => None,
        Some(user_id) => {
            checks::user_id(user_id, "").map_err(|_| {
                let words = "it is empty, longer than 128 characters, or unprintable";
                ApiError::parameter("userId", words)
            })?;
            Some(ids::buyer_id(user_id))
        }
    };
    // Nothing happened before 1970.
    let time = |at: jiff::Timestamp| lookup::moment(at).unwrap_or(Timestamp(0));
    Ok(HistoryFilter {
        seat,
        hold,
        buyer,
        from: query.from.map(time),
        to: query.to.map(time),
        count_max: RECORDS_MAX + 1,
    })
}
