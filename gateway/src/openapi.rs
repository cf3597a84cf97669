//! The OpenAPI document, put together from what the handlers say about themselves.
//!
//! Each folder of handlers describes its calls in a type `Api`; here they get one title, their
//! keys, the bounds that their types do not say (`bounds`), and the problems that each may end in
//! (`problems`). `scripts/conformance` holds a running server against all of it.

use crate::{buyers, identity, operators, organisers, room, sandbox, server};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

mod access;
mod bounds;
mod problems;

/// Everything that is described here and nowhere else.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Usher",
        description = "Sells tickets when everybody wants one at the same second. Every error is a \
                       problem (RFC 9457); its `code` is stable and its `type` leads to a page \
                       that explains it. Integers are written without fraction or exponent.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(server::health::alive, server::health::ready, server::health::metrics),
    components(schemas(usher_wire::Problem)),
    tags(
        (name = "buyers", description = "Shows, seats, holds, orders, tickets, check-ins"),
        (name = "queue", description = "The waiting room: standing in line, the draw, steering it"),
        (name = "payments", description = "Starting a payment, and the provider's callback"),
        (name = "organisers", description = "Plans, shows, what is on sale, reports, the counter"),
        (name = "identity", description = "Accounts, tokens, keys of integrators"),
        (name = "operators", description = "Shards, partitions, snapshots, audit (on the operators' listener)"),
        (name = "sandbox", description = "A payment provider for trying and testing"),
        (name = "health", description = "Whether the server lives and is ready (on the operators' listener)"),
    ),
)]
struct Frame;

/// The whole document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    for part in [
        buyers::Api::openapi(),
        identity::Api::openapi(),
        organisers::Api::openapi(),
        operators::Api::openapi(),
        room::Api::openapi(),
        sandbox::routes::Api::openapi(),
    ] {
        document.merge(part);
    }
    Keys.modify(&mut document);
    access::describe(&mut document);
    bounds::describe(&mut document);
    problems::describe(&mut document);
    document
}

/// The kinds of bearer credentials.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, words) in [
            ("organiser", "The organiser's key, or one with the scope `organise`"),
            ("operator", "The operator's key, or one with the scope `operate`"),
            ("front", "A key with the scope `sell`, of whoever sells for users"),
            ("gate", "A key with the scope `checkin`"),
            ("user", "A user's access token"),
        ] {
            let scheme =
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::document;
    use std::collections::BTreeSet;

    #[test]
    fn every_reference_leads_somewhere() {
        let json = serde_json::to_value(document()).expect("plain data");
        let text = json.to_string();
        let known: BTreeSet<String> =
            json["components"]["schemas"].as_object().expect("schemas").keys().cloned().collect();
        let named: BTreeSet<String> = text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next().map(str::to_owned))
            .collect();
        assert!(named.contains("Problem"));
        let missing: Vec<_> = named.difference(&known).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_call_has_a_name_of_its_own_and_words() {
        let json = serde_json::to_value(document()).expect("plain data");
        let mut names = BTreeSet::new();
        for (path, item) in json["paths"].as_object().expect("paths") {
            for (method, call) in item.as_object().expect("an item") {
                let name = call["operationId"].as_str().expect("a name");
                assert!(names.insert(name.to_owned()), "{name} twice, at {method} {path}");
                assert!(call["summary"].is_string(), "{method} {path} says nothing");
                assert!(call["tags"][0].is_string(), "{method} {path} has no tag");
            }
        }
    }
}
