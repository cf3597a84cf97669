//! Compacting now, and backups.
//!
//! A backup is written below `backups` of the data directory and nowhere else: whoever has the
//! operator key may fill that directory, but not write over other files of this machine.

use crate::app::App;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use actix_web::web::{self, Data};
use actix_web::{FromRequest as _, HttpRequest, HttpResponse};
use std::path::{Component, Path, PathBuf};
use std::time::Instant;
use usher_persistence::check::{BackupError, BackupReport};
use usher_shards::CompactError;
use usher_wire::{BackupAnswer, BackupRequest, Problem, SnapshotAnswer};

/// The directory of backups, in the data directory.
pub const BACKUPS_DIR: &str = "backups";
/// The longest name of a backup, in bytes.
const DIRECTORY_BYTES_MAX: usize = 1_024;
/// The longest part of it: no file system has longer names.
const PART_BYTES_MAX: usize = 255;

/// Compacts now: a snapshot of all that is durable, and a new generation of the journal.
#[utoipa::path(
    post, path = "/ops/v1/snapshots", tag = "operators", operation_id = "writeSnapshot",
    security(("operator" = [])),
    responses(
        (status = 200, body = SnapshotAnswer, description = "It is written"),
        (status = 503, body = Problem, description = "The disk is nearly full",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn compact(app: Data<App>) -> Result<HttpResponse, ApiError> {
    refuse_if_full(&app)?;
    let compactor = app.compactor.clone();
    let begun = Instant::now();
    let compacted = web::block(move || compactor.compact()).await.map_err(ApiError::internal)?;
    let info = compacted.map_err(|error| explain(&error))?;
    Ok(HttpResponse::Ok().json(SnapshotAnswer {
        at_sequence: info.covers.seq,
        bytes: info.bytes,
        seconds: begun.elapsed().as_secs_f64(),
    }))
}

/// A consistent copy of everything but keys, while it sells. `usher restore` brings it back.
#[utoipa::path(
    post, path = "/ops/v1/backup", tag = "operators", operation_id = "backUp",
    security(("operator" = [])), request_body = Option<BackupRequest>,
    responses(
        (status = 200, body = BackupAnswer, description = "It is written"),
        (status = 400, body = Problem, description = "Not below `backups`, or not empty",
         content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "The disk is nearly full",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn back_up(
    app: Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let asked = optional_body(&request, payload).await?;
    refuse_if_full(&app)?;
    let to_dir = target(&app.config.data_dir, asked.directory.as_deref())?;
    let (compactor, plans) = (app.compactor.clone(), app.plans.clone());
    let begun = Instant::now();
    let copied = web::block(move || {
        let report = compactor.backup(plans.store(), &to_dir)?;
        Ok::<_, CompactError>((report, bytes_in(&to_dir), to_dir))
    });
    let copied = copied.await.map_err(ApiError::internal)?;
    let (report, bytes, dir): (BackupReport, u64, PathBuf) =
        copied.map_err(|error| explain(&error))?;
    tracing::info!(directory = %dir.display(), bytes, at_sequence = report.last_seq, "backed up");
    Ok(HttpResponse::Ok().json(BackupAnswer {
        directory: dir.display().to_string(),
        at_sequence: report.last_seq,
        bytes,
        seconds: begun.elapsed().as_secs_f64(),
    }))
}

fn refuse_if_full(app: &App) -> Result<(), ApiError> {
    match app.router.is_disk_full() {
        true => Err(ApiError::new(Code::DiskFull)),
        false => Ok(()),
    }
}

/// A body where there is one; nothing at all asks for the defaults.
async fn optional_body(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<BackupRequest, ApiError> {
    use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
    let headers = request.headers();
    let is_empty = match headers.get(CONTENT_LENGTH) {
        Some(length) => length.as_bytes() == b"0",
        None => !headers.contains_key(TRANSFER_ENCODING),
    };
    if is_empty {
        return Ok(BackupRequest::default());
    }
    let body = Body::<BackupRequest>::from_request(request, &mut payload.into_inner()).await?;
    Ok(body.0)
}

/// Where a backup goes.
fn target(data_dir: &Path, asked: Option<&str>) -> Result<PathBuf, ApiError> {
    let backups = std::path::absolute(data_dir.join(BACKUPS_DIR)).map_err(ApiError::internal)?;
    let Some(asked) = asked else {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        return Ok(backups.join(now.to_string()));
    };
    let refuse = |words: &str| Err(ApiError::field("/directory", words));
    if asked.len() > DIRECTORY_BYTES_MAX {
        return refuse("it is longer than 1024 bytes");
    }
    let path = Path::new(asked);
    let relative = path.strip_prefix(&backups).unwrap_or(path);
    let mut parts = relative.components().peekable();
    if parts.peek().is_none() {
        return refuse("it names no directory of its own");
    }
    // An absolute path elsewhere has a root, a way out has `..`; a name with NUL is no name.
    if !parts.all(|part| matches!(part, Component::Normal(_))) || asked.contains('\0') {
        let words = format!("it is not below {}", backups.display());
        return refuse(&words);
    }
    if relative.components().any(|part| part.as_os_str().len() > PART_BYTES_MAX) {
        return refuse("a part of it is longer than 255 bytes");
    }
    // Below a file there is no place for a directory.
    let ancestors = relative.ancestors().skip(1);
    if ancestors.map(|above| backups.join(above)).any(|above| above.is_file()) {
        return refuse("a part of it is a file");
    }
    Ok(backups.join(relative))
}

/// Bytes of all files below a directory, as far as they can be looked at.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// Only what the caller chose is told; the rest is in the log.
fn explain(error: &CompactError) -> ApiError {
    match error {
        CompactError::Backup(BackupError::NotEmpty(_)) => {
            ApiError::field("/directory", "it is there already and not empty")
        }
        CompactError::Stopped => ApiError::new(Code::Draining),
        error => {
            let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
                error.source()
            });
            let words: Vec<String> = causes.map(ToString::to_string).collect();
            ApiError::internal(words.join(": "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, below: Option<&str>) {
        let told = target(Path::new("/srv/usher"), Some(asked)).ok();
        let expected = below.map(|below| Path::new("/srv/usher/backups").join(below));
        assert_eq!(told, expected, "{asked}");
    }

    #[test]
    fn a_backup_stays_below_its_directory() {
        check("monday", Some("monday"));
        check("2026/monday", Some("2026/monday"));
        check("/srv/usher/backups/monday", Some("monday"));
        check("./monday", None);
        for bad in [
            "",
            ".",
            "..",
            "../journal",
            "a/../../journal",
            "/etc",
            "/srv/usher/backups",
            "/srv/usher/backups/../journal",
            "/srv/usher/backups-of-others/x",
            "a\0b",
            &"x".repeat(256),
            &"ü".repeat(128),
            &"x/".repeat(513),
        ] {
            check(bad, None);
        }
        let named = target(Path::new("/srv/usher"), None).expect("a name of its own");
        assert_eq!(named.parent(), Some(Path::new("/srv/usher/backups")));
    }
}
