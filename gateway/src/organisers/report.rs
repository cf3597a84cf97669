//! Counts and revenue of a show, from the replica.

use crate::app::App;
use crate::buyers::lookup;
use crate::http::problem::{ApiError, Code};
use crate::http::refusals::{order_status, word};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::plan::{Category, SeatPlan, Section};
use usher_shards::replica::{Figures, ORDER_STATUSES, ShowFigures};
use usher_wire::{Problem, ReportLine, ShowReport};

/// Counts and revenue of a show by price category, section and stock pool; orders by their state.
#[utoipa::path(
    get, path = "/admin/v1/shows/{showId}/report", tag = "organisers", operation_id = "reportShow",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = ShowReport, description = "The report, as of `atSequence`"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let key = view.key;
    let figures = app.router.replica().ask(move |replica| replica.figures(key)).await?;
    let figures = figures.ok_or_else(|| ApiError::new(Code::UnknownShow))?;
    Ok(HttpResponse::Ok().json(describe(show_id.into_inner(), &figures)))
}

fn describe(show_id: String, figures: &ShowFigures) -> ShowReport {
    let plan = figures.plan.as_deref();
    let categories = plan.into_iter().flat_map(SeatPlan::categories).map(Category::name);
    let sections = plan.into_iter().flat_map(SeatPlan::sections);
    let sections: Vec<String> = sections.map(section_name).collect();
    let pools = figures.pools.iter().map(|pool| pool.name.as_str());
    let orders = ORDER_STATUSES.into_iter().zip(figures.orders);
    ShowReport {
        show_id,
        currency: figures.terms.currency.code().to_owned(),
        total: line("total", &figures.total()),
        by_category: lines(categories, &figures.by_category),
        by_section: lines(sections.iter().map(String::as_str), &figures.by_section),
        by_stock: lines(pools, &figures.by_pool),
        orders_by_status: orders.map(|(status, n)| (word(order_status(status)), n)).collect(),
        refunds_due_cents: figures.refunds_due.0,
        at_sequence: figures.at_seq,
    }
}

/// Names of sections need not be unique; with the editor's id they are.
fn section_name(section: &Section) -> String {
    match (section.name(), section.zone_id()) {
        (name, "") => name.to_owned(),
        ("", zone_id) => zone_id.to_owned(),
        (name, zone_id) if name == zone_id => name.to_owned(),
        (name, zone_id) => format!("{name} ({zone_id})"),
    }
}

fn lines<'a>(names: impl Iterator<Item = &'a str>, figures: &[Figures]) -> Vec<ReportLine> {
    names.zip(figures).map(|(name, figures)| line(name, figures)).collect()
}

fn line(name: &str, figures: &Figures) -> ReportLine {
    ReportLine {
        name: name.to_owned(),
        capacity: figures.capacity,
        available: figures.available,
        held: figures.held,
        sold: figures.sold,
        blocked: figures.blocked,
        admitted: figures.admitted,
        revenue_cents: figures.revenue.0,
    }
}
