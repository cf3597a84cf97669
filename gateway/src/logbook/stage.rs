//! What happens around everything that needs a key: what changes something is noted, and who has no
//! right key.

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};

use super::Note;
use crate::app::App;
use crate::http::request_id;

/// Has a call of `actor` answered, and notes it. Whoever made it hears the answer once the note is
/// on the disk.
///
/// # Errors
/// Those of `answer`.
pub async fn note<B, F>(
    actor: &'static str,
    app: &App,
    request: ServiceRequest,
    answer: impl FnOnce(ServiceRequest) -> F,
) -> Result<ServiceResponse<B>, actix_web::Error>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
{
    let clients = &app.config.limits.clients;
    let peer = request.peer_addr().map(|peer| peer.ip());
    let address = peer.map(|peer| clients.client(peer, request.headers()));
    let call = format!("{} {}", request.method(), request.path());
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let response = answer(request).await?;
    let (status, request_id) = (response.status(), request_id::current());
    let fields = Default::default();
    let note = Note { actor, address, call, status: status.as_u16(), request_id, fields };
    if status == StatusCode::UNAUTHORIZED {
        app.logbook.jot_stranger(note).await;
    } else if !only_reads {
        app.logbook.write(note).await;
    }
    Ok(response)
}
