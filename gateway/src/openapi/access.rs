//! What each call asks of its caller, as the document tells it: `x-usher-scope` at every call, and
//! the kinds of credentials that meet it. Made from the one table in `identity/scopes`.

use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use crate::identity::scopes::{Access, Scope};

/// Tells it, in place of whatever was told before.
pub(super) fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            tell(path, operation);
        }
    }
}

fn tell(path: &str, operation: &mut Operation) {
    let name = operation.operation_id.as_deref().unwrap_or_default();
    let access = Access::of(path, name);
    let scope = ExtensionsBuilder::new().add("x-usher-scope", access.word()).build();
    match &mut operation.extensions {
        Some(extensions) => extensions.merge(scope),
        none => *none = Some(scope),
    }
    operation.security = security(access);
}

/// The kinds of credentials that do; an empty one stands for none at all.
fn security(access: Access) -> Option<Vec<SecurityRequirement>> {
    let kind = |name: &str| SecurityRequirement::new::<_, _, String>(name, []);
    let nothing = SecurityRequirement::default;
    match access {
        Access::Public => None,
        // Where identity is `open`, no credential is one, too.
        Access::Buyer => Some(vec![nothing(), kind("user"), kind("front")]),
        Access::CheckIn => Some(vec![nothing(), kind("gate")]),
        Access::User => Some(vec![kind("user")]),
        Access::Key(Scope::Sell) => Some(vec![kind("front")]),
        Access::Key(Scope::CheckIn) => Some(vec![kind("gate")]),
        Access::Key(Scope::Organise) => Some(vec![kind("organiser")]),
        Access::Key(Scope::Operate) => Some(vec![kind("operator")]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::identity::scopes::TABLE;
    use crate::openapi::document;

    #[test]
    fn every_call_says_what_it_asks_and_the_table_names_calls_that_there_are() {
        let json = serde_json::to_value(document()).expect("plain data");
        let mut names = BTreeSet::new();
        for (path, item) in json["paths"].as_object().expect("paths") {
            for (method, call) in item.as_object().expect("an item") {
                let word = call["x-usher-scope"].as_str();
                assert!(word.is_some(), "{method} {path}");
                names.insert(call["operationId"].as_str().expect("a name").to_owned());
                let is_public = word == Some("public");
                assert_eq!(call["security"].is_null(), is_public, "{method} {path}");
            }
        }
        for (name, _) in TABLE {
            assert!(names.contains(*name), "{name}");
        }
    }
}
