//! Answers are packed where their reader asks for it and where it is worth it.
//!
//! actix-web has a stage that does this, for every answer: it parses what type each has, and packs
//! three hundred bytes as well as a map of a hall, with an encoder of a megabyte to set up. Most
//! answers here are small.

use actix_http::encoding::Encoder;
use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_TYPE, ContentEncoding, Encoding,
};

/// Less than this is sent as it is: it fits into one packet anyway.
const BYTES_MIN: u64 = 1_024;
/// What we can write. Of those that a reader takes equally, the densest is chosen.
const KNOWN: [Encoding; 4] =
    [Encoding::identity(), Encoding::brotli(), Encoding::gzip(), Encoding::deflate()];

/// The same answer, packed if its reader takes that and it is worth it.
pub fn packed<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<BoxBody> {
    let response = response.map_into_boxed_body();
    match chosen(&response) {
        // An encoder leaves alone what says itself how it is encoded, such as a stream of events.
        Some(encoding) => {
            response.map_body(|head, body| BoxBody::new(Encoder::response(encoding, head, body)))
        }
        None => response,
    }
}

fn chosen(response: &ServiceResponse<BoxBody>) -> Option<ContentEncoding> {
    // The answer is looked at first: a request that waited for its owner is in no cache any more.
    let request = response.request();
    if !is_worth_it(response) || !request.headers().contains_key(ACCEPT_ENCODING) {
        return None;
    }
    // Who takes nothing that we can write gets it as it is (RFC 9110, 12.5.3).
    match request.get_header::<AcceptEncoding>()?.negotiate(KNOWN.iter())? {
        Encoding::Known(ContentEncoding::Identity) | Encoding::Unknown(_) => None,
        Encoding::Known(encoding) => Some(encoding),
    }
}

fn is_worth_it(response: &ServiceResponse<BoxBody>) -> bool {
    let is_large = match response.response().body().size() {
        BodySize::None => false,
        BodySize::Sized(bytes) => bytes >= BYTES_MIN,
        BodySize::Stream => true,
    };
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let is_picture = kind.starts_with(b"image/") && !kind.starts_with(b"image/svg");
    is_large && !is_picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::HttpResponse;
    use actix_web::http::header::{CONTENT_ENCODING, VARY};
    use actix_web::test::TestRequest;

    /// What an answer of so many bytes says of its packing to a reader who takes `accepted`.
    fn told(accepted: Option<&str>, kind: &str, bytes: usize) -> Option<String> {
        let mut request = TestRequest::default();
        if let Some(accepted) = accepted {
            request = request.insert_header((ACCEPT_ENCODING, accepted));
        }
        let answer = HttpResponse::Ok().content_type(kind).body("a".repeat(bytes));
        let answer = packed(request.to_srv_response(answer));
        let header = |name| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header(CONTENT_ENCODING).is_some(), header(VARY).is_some());
        header(CONTENT_ENCODING)
    }

    #[test]
    fn only_what_is_large_is_packed_and_only_for_who_asks() {
        let json = |accepted, bytes| told(accepted, "application/json", bytes);
        for (accepted, bytes, expected) in [
            (Some("gzip"), 1_024, Some("gzip")),
            (Some("gzip, deflate, br"), 1_024, Some("br")),
            (Some("br;q=0.1, gzip;q=0.9"), 1_024, Some("gzip")),
            (Some("gzip"), 1_023, None),
            (Some("gzip"), 0, None),
            (Some("identity"), 4_096, None),
            (Some("zstd"), 4_096, None),
            (Some("identity;q=0"), 4_096, None),
            (None, 4_096, None),
        ] {
            assert_eq!(json(accepted, bytes).as_deref(), expected, "{accepted:?} {bytes}");
        }
    }

    #[test]
    fn pictures_are_packed_by_themselves() {
        assert_eq!(told(Some("gzip"), "image/png", 4_096), None);
        assert_eq!(told(Some("gzip"), "image/svg+xml", 4_096).as_deref(), Some("gzip"));
    }

    #[test]
    fn what_says_how_it_is_encoded_stays_as_it_is() {
        let request = TestRequest::default().insert_header((ACCEPT_ENCODING, "gzip"));
        let mut answer = HttpResponse::Ok();
        answer.insert_header((CONTENT_ENCODING, "identity"));
        let answer = packed(request.to_srv_response(answer.body("a".repeat(4_096))));
        assert_eq!(answer.headers().get(CONTENT_ENCODING).unwrap(), "identity");
    }
}
