//! Query strings, with the name of the parameter that is wrong.

use super::problem::ApiError;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};

/// A query string, read.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned> FromRequest for QueryOf<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    // Which parameter is wrong is only looked for when one is.
    if let Ok(value) = serde_urlencoded::from_str(query) {
        return Ok(value);
    }
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let words = error.inner().to_string();
        let path = error.path().to_string();
        let named = words.split('`').nth(1).filter(|_| words.contains("field `"));
        let name = named.map_or(path, str::to_owned);
        ApiError::parameter(name, words)
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        #[serde(default)]
        page: u32,
        city: Option<String>,
    }

    #[test]
    fn a_fault_names_its_parameter() {
        let page: Page = parse("page=2&city=New%20York").expect("good");
        assert_eq!((page.page, page.city.as_deref()), (2, Some("New York")));
        for (query, name) in [("page=x", "page"), ("page=-1", "page"), ("sort=up", "sort")] {
            let error = format!("{:?}", parse::<Page>(query).expect_err(query));
            assert!(error.contains(&format!("parameter: Some(\"{name}\")")), "{error}");
        }
    }
}
