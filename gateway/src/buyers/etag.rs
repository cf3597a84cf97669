//! `ETag` and `If-None-Match`, as much of RFC 9110 as reading needs.

use actix_web::HttpRequest;
use actix_web::http::header::IF_NONE_MATCH;

/// Whether the caller says that it has what `tag` names. `tag` is written with its quotes.
pub(super) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let mut given =
        request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    given.any(|list| {
        list.trim() == "*"
            || list.split(',').any(|known| {
                // Caches between us and the caller may weaken a tag; for reading that is as good.
                let known = known.trim();
                known.strip_prefix("W/").unwrap_or(known) == tag
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_tag_is_known_in_every_spelling() {
        let known = |value: &str| {
            let request = TestRequest::default().insert_header((IF_NONE_MATCH, value));
            is_known(&request.to_http_request(), "\"7\"")
        };
        for yes in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "\"6\",W/\"7\" ", "*"] {
            assert!(known(yes), "{yes}");
        }
        for no in ["", "7", "\"77\"", "W/7", "\"6\"", "\"*\""] {
            assert!(!known(no), "{no}");
        }
        assert!(!is_known(&TestRequest::default().to_http_request(), "\"7\""));
    }
}
