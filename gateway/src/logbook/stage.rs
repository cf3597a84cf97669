//! What happens around everything that needs a key: what changes something is noted, and who has no
//! right key.

use std::collections::BTreeMap;

use actix_web::HttpMessage as _;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use tokio::sync::oneshot;

use super::{Job, Logbook, Note};
use crate::app::App;
use crate::http::auth::KeyName;
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
    let note = Note {
        actor,
        address: app.config.limits.clients.of(request.request()),
        call: format!("{} {}", request.method(), request.path()),
        status: None,
        request_id: request_id::current(),
        fields: BTreeMap::new(),
    };
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let unanswered =
        (!only_reads).then(|| Unanswered { logbook: &app.logbook, note: Some(note.clone()) });
    let response = answer(request).await?;
    let status = response.status();
    let key = response.request().extensions().get::<KeyName>().cloned();
    match unanswered {
        // Nobody whom the key lets pass: it is none, or of another scope.
        _ if key.is_none() || status == StatusCode::UNAUTHORIZED => {
            unanswered.into_iter().for_each(Unanswered::forget);
            let note = Note { actor: "stranger", status: Some(status.as_u16()), ..note };
            app.logbook.jot_stranger(note).await;
        }
        Some(unanswered) => unanswered.answered(status.as_u16(), key).await,
        None => {}
    }
    Ok(response)
}

/// A call that may have been carried out and is not answered yet. Whoever made it may go away, and
/// all that waits for it is dropped then; it is noted all the same.
struct Unanswered<'a> {
    logbook: &'a Logbook,
    note: Option<Note>,
}

impl Unanswered<'_> {
    async fn answered(mut self, status: u16, key: Option<KeyName>) {
        if let Some(note) = &mut self.note {
            note.status = Some(status);
            note.fields.extend(key.map(|KeyName(name)| ("key".to_owned(), name.to_string())));
        }
        // The note stays here until there is room for it.
        let Ok(room) = self.logbook.jobs.reserve().await else { return };
        let (written, is_written) = oneshot::channel();
        room.send(Job::new(self.note.take(), Some(written)));
        // Dropped where it failed, which the writer says.
        let _ = is_written.await;
    }

    fn forget(mut self) {
        self.note = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(note) = self.note.take() else { return };
        if let Err(error) = self.logbook.jobs.try_send(Job::new(Some(note), None)) {
            tracing::error!(%error, "the logbook lacks a call that nobody waited for");
        }
    }
}
