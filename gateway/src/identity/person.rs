//! What is known of a person: told whole to whoever asks for their own, and forgotten.
//!
//! The journal cannot forget. What names a person in it (the address, the contacts of orders) is
//! sealed under one key for each person, in a file that is neither journal nor backup; erasing
//! destroys the key there, overwrites the old file, and takes the account out of those that are
//! known. What was bought stays: a ticket admits its bearer, and the books must add up.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use usher_engine::accounts::AccountsCommand;
use usher_engine::inventory::Hold;
use usher_engine::{BuyerId, HoldNo, MachineId};
use usher_shards::Replica;
use usher_wire::{ConsentGiven, Contact, Erased, ExportedOrder, Me, PersonExport};

use super::people::{describe, own_account};
use super::{Caller, ask, note_with};
use crate::app::App;
use crate::buyers::render::Holding;
use crate::buyers::{checks, contacts, lookup};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::ids;

/// Orders that are told, the newest; nobody has bought more.
const ORDERS_MAX: usize = 1_000;
const CONSENT_CHARS_MAX: usize = 64;

/// Agrees to a text. It is kept with the time, and in the logbook.
#[utoipa::path(
    post, path = "/api/v1/me/consents", tag = "identity",
    operation_id = "giveConsent", request_body = ConsentGiven,
    responses((status = 204, description = "It is kept")),
)]
pub(super) async fn consent(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Body<ConsentGiven>,
) -> Result<HttpResponse, ApiError> {
    let (user, _) = own_account(&app, &caller)?;
    let text = body.0.text;
    checks::text(&text, "/text", 1, CONSENT_CHARS_MAX)?;
    let command =
        AccountsCommand::GiveConsent { account: user.account, text: text.as_str().into() };
    ask(&app, user.bucket, command).await?;
    note_with(&app, &request, &app.ids.user(user), 204, [("consent", text)]).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Everything that is known of the caller.
#[utoipa::path(
    get, path = "/api/v1/me/export", tag = "identity", operation_id = "exportMe",
    responses((status = 200, body = PersonExport, description = "Account, orders, contacts")),
)]
pub(super) async fn export_me(app: Data<App>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let (user_id, _) = caller.logged_in()?;
    Ok(HttpResponse::Ok().json(export(&app, user_id, true).await?))
}

/// Everything that is known of a user.
#[utoipa::path(
    get, path = "/admin/v1/users/{userId}/export", tag = "organisers", operation_id = "exportUser",
    params(("userId" = String, Path, description = "As orders name the user")),
    responses((status = 200, body = PersonExport, description = "Account, orders, contacts")),
)]
pub(crate) async fn export_user(
    app: Data<App>,
    user_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    check_user(&user_id)?;
    Ok(HttpResponse::Ok().json(export(&app, &user_id, false).await?))
}

/// Forgets the caller for good. Doing it twice is doing it once.
#[utoipa::path(
    delete, path = "/api/v1/me", tag = "identity", operation_id = "eraseMe",
    responses((status = 200, body = Erased, description = "What was destroyed")),
)]
pub(super) async fn erase_me(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (user_id, _) = caller.logged_in()?;
    let erased = erase(&app, user_id).await?;
    note_with(&app, &request, user_id, 200, []).await;
    Ok(HttpResponse::Ok().json(erased))
}

/// Forgets a user for good. Doing it twice is doing it once.
#[utoipa::path(
    delete, path = "/admin/v1/users/{userId}", tag = "organisers", operation_id = "eraseUser",
    params(("userId" = String, Path, description = "As orders name the user")),
    responses((status = 200, body = Erased, description = "What was destroyed")),
)]
pub(crate) async fn erase_user(
    app: Data<App>,
    user_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    check_user(&user_id)?;
    Ok(HttpResponse::Ok().json(erase(&app, &user_id).await?))
}

fn check_user(user_id: &str) -> Result<(), ApiError> {
    checks::user_id(user_id, "").map_err(|_| ApiError::new(Code::UnknownAccount))
}

/// Only the person is told in full who comes with them: an organiser sees that masked, as in all
/// other answers.
async fn export(app: &Data<App>, user_id: &str, is_own: bool) -> Result<PersonExport, ApiError> {
    let account = match app.ids.parse_user(user_id) {
        Ok(user) => {
            let show = AccountsCommand::Show { account: user.account };
            let (_, known) = ask(app, user.bucket, show).await?;
            describe(app, user_id, None, &known)
        }
        Err(_) => Me::without_account(user_id),
    };
    let buyer = ids::buyer_id(user_id);
    let asked = app.router.replica().ask(move |replica| orders_of(replica, buyer));
    // After a start the replica has to read what there is before it answers anything.
    let late = |_| ApiError::new(Code::Busy).detail("the list is not ready yet").retry_after(5);
    let found =
        tokio::time::timeout(app.config.http.request_timeout, asked).await.map_err(late)??;
    let mut orders = Vec::with_capacity(found.len());
    for (inventory, number, hold, version) in &found {
        let view = lookup::show_of(app, *inventory)?;
        let holding = Holding::new(&app.ids, &view, *inventory, *number, hold, *version);
        let contact =
            hold.order.as_deref().and_then(|order| contact_of(app, buyer, &order.contact));
        orders.extend(holding.order(&app.keyring).map(|mut order| {
            if is_own {
                order.attendees = holding.attendees(&app.keyring);
            }
            ExportedOrder { order, contact }
        }));
    }
    Ok(PersonExport { account, orders })
}

fn contact_of(app: &App, buyer: BuyerId, sealed: &[u8]) -> Option<Contact> {
    contacts::open(app, buyer, sealed)
}

/// Runs on the replica's thread, so it only copies.
fn orders_of(replica: &Replica, buyer: BuyerId) -> Vec<(MachineId, HoldNo, Hold, u64)> {
    let newest = replica.orders_of(buyer).iter().rev().take(ORDERS_MAX);
    let found = newest.filter_map(|&(id, no)| {
        let inventory = replica.inventory(id)?;
        Some((id, no, inventory.hold(no)?.into_owned(), inventory.version()))
    });
    found.collect()
}

/// The key goes first: a crash in between leaves an account of which nobody can read anything, and
/// the next try takes it away.
async fn erase(app: &App, user_id: &str) -> Result<Erased, ApiError> {
    let buyer = ids::buyer_id(user_id);
    let keyring = Arc::clone(&app.keyring);
    // Waits for the disk, on a thread where that holds up nobody.
    let destroyed = tokio::task::spawn_blocking(move || keyring.destroy(&[buyer.0])).await;
    let keys = destroyed.map_err(ApiError::internal)?.map_err(|error| {
        (app.on_fatal)("buyers' keys cannot be written");
        ApiError::internal(error)
    })?;
    let mut account = false;
    if let Ok(user) = app.ids.parse_user(user_id) {
        account = super::erase_account(app, user).await?;
    }
    Ok(Erased { account, contacts: keys > 0 })
}
