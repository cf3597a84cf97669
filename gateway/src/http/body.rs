//! Bodies: bounded in size and time, unpacked, and with a pointer to what is wrong in them.
//!
//! `Body<T>` is what handlers take instead of actix-web's `Json`: the limit belongs to the route
//! and counts unpacked bytes, so that a small gzip cannot become a large one here, and a fault
//! names the field by its JSON pointer.

use super::problem::{ApiError, Code};
use crate::app::App;
use actix_web::dev::{Decompress, Payload};
use actix_web::error::PayloadError;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ContentEncoding, HeaderMap,
};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::future::poll_fn;
use std::mem;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use usher_persistence::OwnPages;

/// The limit of a route where it has none of its own, in bytes.
pub const BYTES_MAX_DEFAULT: usize = 65_536;

/// A body must come at least this fast, once a client has had its first seconds: or a few clients
/// who send a byte now and then could keep all connections for ever.
const BYTES_PER_SECOND_MIN: u64 = 4_096;
/// Those first seconds where there is no server that says.
const FIRST_SECONDS_DEFAULT: Duration = Duration::from_secs(5);

/// Packed bodies are unpacked in pieces of so many bytes. A piece is unpacked whole before its size
/// is seen, and deflate makes up to a thousand bytes of one; other packings make far more, and are
/// not taken.
const PACKED_PIECE_BYTES: usize = 1_024;

/// Beyond so many bytes a body gets memory of its own.
const USUAL_BYTES_MAX: usize = 1 << 20;

/// How large a body may be; put on a scope or resource with `app_data`.
#[derive(Debug, Clone, Copy)]
pub struct BytesMax(pub usize);

/// A JSON body, read.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A JSON body as it came, for what is kept byte for byte. Only its type and size are checked.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move { from_json(&bytes.await?).map(Self) })
    }
}

impl FromRequest for RawBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move { bytes.await.map(Self) })
    }
}

/// Reads JSON; what is wrong is told with a pointer to it.
pub fn from_json<'de, T: serde::Deserialize<'de>>(json: &'de [u8]) -> Result<T, ApiError> {
    from_part("", json)
}

/// Reads a part of a document, whose pointer there is `at`; pointers are those of the document.
pub fn from_part<'de, T>(at: &str, json: &'de [u8]) -> Result<T, ApiError>
where
    T: serde::Deserialize<'de>,
{
    // Paths are only tracked when something is wrong: a plan of 100,000 seats is read twice as
    // fast without.
    if let Ok(value) = serde_json::from_slice(json) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        // The value is whole, so the fault lies behind it.
        let rest = reader.end().err();
        let words = rest.map_or_else(|| "it cannot be read".to_owned(), |e| e.to_string());
        return Err(ApiError::new(Code::NotJson).detail(words));
    };
    let cause = error.inner();
    if cause.is_syntax() || cause.is_eof() {
        let error = ApiError::new(Code::NotJson).detail(cause.to_string());
        // Lines and columns are counted from where the part begins.
        return Err(if at.is_empty() { error } else { error.pointer(at) });
    }
    let words = cause.to_string();
    let pointer = pointer(error.path(), &words);
    Err(ApiError::field(format!("{at}{pointer}"), words))
}

/// Collects the body within the route's limit.
fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Bytes, ApiError>> + 'static {
    let bytes_max = request.app_data::<BytesMax>().map_or(BYTES_MAX_DEFAULT, |max| max.0);
    let app = request.app_data::<Data<App>>();
    let patience = app.map_or(FIRST_SECONDS_DEFAULT, |app| app.config.http.client_timeout);
    collected(request.headers(), payload.take(), bytes_max, patience)
}

/// The body that comes with these headers, as long as it is JSON by its type and not too large.
///
/// # Errors
/// Of the future: [`Code::UnsupportedMediaType`], [`Code::TooLarge`], [`Code::TooSlow`], and
/// [`Code::BadRequest`] where it breaks off.
pub fn collected(
    headers: &HeaderMap,
    payload: Payload,
    bytes_max: usize,
    patience: Duration,
) -> impl Future<Output = Result<Bytes, ApiError>> + use<> {
    let checked = check_type(headers).and_then(|()| check_length(headers, bytes_max));
    let packing = checked.and_then(|()| packing(headers));
    let bytes_told = length(headers);
    async move {
        match packing? {
            None => collect(payload, bytes_told, bytes_max, patience).await,
            // In a box, since each request has room for all that this needs.
            Some(packing) => {
                let pieces = payload.flat_map(|chunk| stream::iter(pieces(chunk)));
                let unpacked = Decompress::new(pieces.boxed_local(), packing);
                Box::pin(collect(unpacked, None, bytes_max, patience)).await
            }
        }
    }
}

/// Where a body is put together.
enum Room {
    Usual(BytesMut),
    /// Mostly a seating plan.
    Large(OwnPages),
}

impl Room {
    /// Room for a body of which so many bytes are told and allowed. There is room for what is told
    /// from the start, and for a large one for all that is allowed: what is not used costs nothing.
    fn new(bytes_told: Option<usize>, bytes_max: usize) -> Result<Self, ApiError> {
        if bytes_told.unwrap_or(bytes_max) <= USUAL_BYTES_MAX {
            return Ok(Self::Usual(BytesMut::with_capacity(bytes_told.unwrap_or(0))));
        }
        OwnPages::with_room(bytes_max).map(Self::Large).map_err(ApiError::internal)
    }

    fn len(&self) -> usize {
        match self {
            Self::Usual(bytes) => bytes.len(),
            Self::Large(pages) => pages.len(),
        }
    }

    fn add(&mut self, chunk: &[u8]) {
        match self {
            Self::Usual(bytes) => bytes.extend_from_slice(chunk),
            Self::Large(pages) => pages.extend_from_slice(chunk),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Usual(bytes) => bytes.freeze(),
            Self::Large(pages) => Bytes::from_owner(pages),
        }
    }
}

/// Puts the chunks together, as long as they come fast enough and are not too many.
async fn collect(
    mut chunks: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    bytes_told: Option<usize>,
    bytes_max: usize,
    patience: Duration,
) -> Result<Bytes, ApiError> {
    let mut room = Room::new(bytes_told, bytes_max)?;
    step_aside().await;
    let begun = Instant::now();
    loop {
        // Most bodies are there already, and need no timer.
        let next = match chunks.next().now_or_never() {
            Some(next) => next,
            None => {
                let earned = Duration::from_secs(room.len() as u64 / BYTES_PER_SECOND_MIN);
                // In a box for the same reason.
                let next = Box::pin(timeout_at(begun + patience + earned, chunks.next())).await;
                next.map_err(|_| ApiError::new(Code::TooSlow))?
            }
        };
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|error| {
            ApiError::new(Code::BadRequest).detail(format!("the body broke off: {error}"))
        })?;
        if room.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        room.add(&chunk);
    }
    Ok(room.into_bytes())
}

/// Lets a connection go on once. It calls a handler as soon as it has read a head, and only then
/// looks whether it has the body too, as it nearly always does.
async fn step_aside() {
    let mut has_stepped = false;
    poll_fn(|context| {
        if mem::replace(&mut has_stepped, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How the body is packed; `None` where it is not.
fn packing(headers: &HeaderMap) -> Result<Option<ContentEncoding>, ApiError> {
    let Some(packing) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
    match packing.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" => Ok(None),
        b"gzip" => Ok(Some(ContentEncoding::Gzip)),
        b"deflate" => Ok(Some(ContentEncoding::Deflate)),
        _ => {
            let words = "a body may be packed with gzip or deflate, or not at all";
            Err(ApiError::new(Code::UnsupportedMediaType).detail(words))
        }
    }
}

/// A packed chunk in pieces that cannot unpack to much.
fn pieces(chunk: Result<Bytes, PayloadError>) -> Vec<Result<Bytes, PayloadError>> {
    let Ok(bytes) = chunk else { return vec![chunk] };
    let starts = (0..bytes.len()).step_by(PACKED_PIECE_BYTES);
    let piece = |at: usize| bytes.slice(at..(at + PACKED_PIECE_BYTES).min(bytes.len()));
    starts.map(|at| Ok(piece(at))).collect()
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let told = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = told.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json")
        || (kind.starts_with("application/") && kind.ends_with("+json"))
    {
        return Ok(());
    }
    let said = match headers.contains_key(CONTENT_TYPE) {
        true => format!("`{kind}` is not JSON"),
        false => "there is no Content-Type".to_owned(),
    };
    Err(ApiError::new(Code::UnsupportedMediaType).detail(said))
}

/// Refuses at once what says itself that it is too large.
fn check_length(headers: &HeaderMap, bytes_max: usize) -> Result<(), ApiError> {
    match length(headers) {
        Some(length) if length > bytes_max => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// How many bytes a body is told to have; `None` where nothing is told, or it is no number.
fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::new(Code::TooLarge).limit(bytes_max as u64)
}

/// The JSON pointer of a fault. Where a field is missing or unknown, the path leads to the object
/// around it, and the field's name stands in the words.
fn pointer(path: &Path, words: &str) -> String {
    let mut pointer = String::new();
    let mut last = None;
    for segment in path {
        let text = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => escape(key),
            Segment::Enum { variant } => escape(variant),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&text);
        last = Some(text);
    }
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| words.strip_prefix(start))
        .and_then(|rest| rest.split('`').next())
        .map(escape);
    match named {
        Some(name) if last.as_ref() != Some(&name) => format!("{pointer}/{name}"),
        _ => pointer,
    }
}

/// As RFC 6901 writes a name.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_wire::HoldRequest;

    #[track_caller]
    fn check(json: &str, code: Code, pointer: Option<&str>) {
        let error = from_json::<HoldRequest>(json.as_bytes()).expect_err(json);
        let told = format!("{error:?}");
        assert_eq!(error.code(), code, "{told}");
        assert!(told.contains(&format!("pointer: {pointer:?}")), "{told}");
    }

    #[test]
    fn a_fault_is_found_by_its_pointer() {
        check("", Code::NotJson, None);
        check("{", Code::NotJson, None);
        check("{'a':1}", Code::NotJson, None);
        check("\u{feff}{}", Code::NotJson, None);
        check(r#"{"userId":"u"} x"#, Code::NotJson, None);
        check("7", Code::InvalidField, Some(""));
        check(r#"{"stock":{}}"#, Code::InvalidField, Some("/stock/name"));
        check(r#"{"userId":7}"#, Code::InvalidField, Some("/userId"));
        check(r#"{"userId":"u","userId":"u"}"#, Code::InvalidField, Some("/userId"));
        check(r#"{"userId":"u","seatIds":["a",2]}"#, Code::InvalidField, Some("/seatIds/1"));
        check(
            r#"{"userId":"u","stock":{"name":"x"}}"#,
            Code::InvalidField,
            Some("/stock/quantity"),
        );
        check(r#"{"userId":"u","holdSeconds":-1}"#, Code::InvalidField, Some("/holdSeconds"));
        check(r#"{"userId":"u","holdSeconds":1e99}"#, Code::InvalidField, Some("/holdSeconds"));
        check(
            r#"{"userId":"u","holdSeconds":4294967296}"#,
            Code::InvalidField,
            Some("/holdSeconds"),
        );
        check(r#"{"userId":"u","seat/ids~":[]}"#, Code::InvalidField, Some("/seat~1ids~0"));
        check(
            r#"{"userId":"u","stock":{"name":"x","quantity":1,"x":1}}"#,
            Code::InvalidField,
            Some("/stock/x"),
        );
    }

    #[test]
    fn pieces_are_the_whole_in_order() {
        for (length, count) in [(0, 0), (1, 1), (1_024, 1), (1_025, 2), (5_000, 5)] {
            let whole: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let pieces = pieces(Ok(whole.clone().into()));
            assert_eq!(pieces.len(), count);
            let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.expect("bytes")).collect();
            assert!(pieces.iter().all(|piece| piece.len() <= PACKED_PIECE_BYTES));
            assert_eq!(pieces.concat(), whole);
        }
        assert!(pieces(Err(PayloadError::Overflow))[0].is_err(), "a fault is passed on");
    }

    #[actix_web::test]
    async fn a_body_is_whole_however_large_it_is() {
        let bytes_max = USUAL_BYTES_MAX * 2;
        // Bytes told, bytes that come. A large body also has room where too little was told.
        for (told, come) in [
            (Some(10), 10),
            (Some(USUAL_BYTES_MAX), USUAL_BYTES_MAX),
            (Some(USUAL_BYTES_MAX), USUAL_BYTES_MAX + 1),
            (Some(USUAL_BYTES_MAX + 1), USUAL_BYTES_MAX + 1),
            (Some(USUAL_BYTES_MAX + 1), bytes_max),
            (None, 10),
            (None, bytes_max),
            (None, bytes_max + 1),
        ] {
            let whole: Vec<u8> = (0..come).map(|n| n as u8).collect();
            let chunks = whole.chunks(100_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
            let chunks = stream::iter(chunks.collect::<Vec<_>>());
            match collect(chunks, told, bytes_max, FIRST_SECONDS_DEFAULT).await {
                Ok(body) => assert_eq!(body, whole),
                Err(error) => assert_eq!((error.code(), come), (Code::TooLarge, bytes_max + 1)),
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        check(
            &format!(r#"{{"stock":{}"#, "[".repeat(100_000)),
            Code::InvalidField,
            Some("/stock/0"),
        );
    }
}
