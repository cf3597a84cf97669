//! Bounds of what callers write, where the types alone do not say them.
//!
//! A document that leaves a bound out promises to take what is refused. Lengths stand beside the
//! fields in `usher-wire`; what is the same for many of them stands here: the largest number of a
//! width, and what texts are made of (`buyers/checks` is what decides).

use usher_wire::USER_ID_CHARS_MAX;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, KnownFormat, Object, Schema, SchemaFormat,
};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{Number, openapi};

/// One line with something to see in it: no control characters, not only spaces.
const LINE: &str = concat!(
    r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F]",
    r"[^\u0000-\u001F\u007F-\u009F]*$"
);
/// One line, which may be empty.
const LINE_OR_NOTHING: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";
/// Several lines, which may be empty.
const TEXT: &str = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$";
/// Something on both sides of an `@`. Anything stricter refuses addresses that work.
const EMAIL: &str = r"^[^@\s\u0000-\u001F\u007F-\u009F]+@[^\s\u0000-\u001F\u007F-\u009F]+$";
/// A string of structured fields (RFC 8941), or the same bare.
const KEY: &str = r#"^("([ !#-\[\]-~]|\\["\\])+"|[!#-~]([ -~]*[!-~])?)$"#;
/// The most characters of an `Idempotency-Key`.
const KEY_CHARS_MAX: usize = 255;
/// The largest price, in cents.
const PRICE_MAX: usize = 1_000_000_000_000;

/// What texts of requests are made of: a schema, its field, the pattern.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("ApiKeyRequest", "name", LINE),
    ("Attendee", "document", LINE),
    ("Attendee", "name", LINE),
    ("CheckinRequest", "gate", LINE),
    ("CheckinRequest", "nonce", LINE),
    ("CheckinRequest", "payload", LINE),
    ("CheckinRequest", "ticketCode", LINE),
    ("ConsentGiven", "text", LINE),
    ("Contact", "email", EMAIL),
    ("Contact", "name", LINE),
    ("Contact", "phone", LINE),
    ("CounterSaleRequest", "userId", LINE),
    ("CallRequest", "userIds", LINE),
    ("DrawRequest", "publicValue", LINE),
    ("ExpelRequest", "userId", LINE),
    ("ForgottenPassword", "email", EMAIL),
    ("HoldRequest", "userId", LINE),
    ("JoinQueueRequest", "userId", LINE),
    ("Login", "email", EMAIL),
    ("Login", "password", LINE),
    ("OrderRequest", "userId", LINE),
    ("PasswordChange", "newPassword", LINE),
    ("PasswordChange", "oldPassword", LINE),
    ("PasswordReset", "newPassword", LINE),
    ("PasswordReset", "resetToken", LINE),
    ("QueueLane", "name", LINE),
    ("QueueSettings", "drawSource", LINE_OR_NOTHING),
    ("RefundRequest", "reason", LINE),
    ("RiskRules", "blockUsers", LINE),
    ("RefreshRequest", "refreshToken", LINE),
    ("Registration", "consent", LINE),
    ("Registration", "email", EMAIL),
    ("Registration", "password", LINE),
    ("ShowPatch", "category", LINE_OR_NOTHING),
    ("ShowPatch", "city", LINE),
    ("ShowPatch", "description", TEXT),
    ("ShowPatch", "performers", LINE),
    ("ShowPatch", "title", LINE),
    ("ShowPatch", "venue", LINE),
    ("ShowRequest", "category", LINE_OR_NOTHING),
    ("ShowRequest", "city", LINE),
    ("ShowRequest", "description", TEXT),
    ("ShowRequest", "performers", LINE),
    ("ShowRequest", "title", LINE),
    ("ShowRequest", "venue", LINE),
    ("StockRequest", "name", LINE),
];

/// Lists of user ids: a schema and its field. A length beside the field would be the list's.
const USER_LISTS: &[(&str, &str)] = &[("CallRequest", "userIds"), ("RiskRules", "blockUsers")];

/// Maps of prices: a schema and its field.
const PRICES: &[(&str, &str)] = &[("ShowPatch", "prices"), ("ShowRequest", "prices")];

/// Writes the bounds into the document.
pub(super) fn describe(document: &mut OpenApi) {
    if let Some(components) = &mut document.components {
        for schema in components.schemas.values_mut() {
            widths(schema);
        }
        for (of, field, pattern) in PATTERNS {
            text_of(property(components, of, field)).pattern = Some((*pattern).to_owned());
        }
        for (of, field) in USER_LISTS {
            text_of(property(components, of, field)).max_length = Some(USER_ID_CHARS_MAX);
        }
        for (of, field) in PRICES {
            prices_of(property(components, of, field)).maximum = Some(Number::UInt(PRICE_MAX));
        }
    }
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
    });
    for parameter in operations.flat_map(|operation| operation.parameters.iter_mut().flatten()) {
        let RefOr::T(parameter) = parameter else { continue };
        let Some(schema) = &mut parameter.schema else { continue };
        widths(schema);
        match (&parameter.parameter_in, parameter.name.as_str()) {
            (ParameterIn::Header, "Idempotency-Key") => {
                let text = text_of(schema);
                text.pattern = Some(KEY.to_owned());
                text.max_length = Some(KEY_CHARS_MAX);
            }
            (ParameterIn::Query, "userId") => text_of(schema).pattern = Some(LINE.to_owned()),
            _ => {}
        }
    }
}

/// Gives every unsigned integer the bound of its width.
fn widths(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            if object.maximum.is_none() {
                object.exclusive_maximum = behind_largest(object.format.as_ref());
            }
            object.properties.values_mut().for_each(widths);
            if let Some(AdditionalProperties::RefOr(values)) =
                object.additional_properties.as_deref_mut()
            {
                widths(values);
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                widths(items);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(widths),
        Schema::AllOf(all) => all.items.iter_mut().for_each(widths),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(widths),
        _ => {}
    }
}

/// The first number that a width does not hold. It is a power of two, so that it is exact for
/// those who read all numbers as floats; the largest number of 64 bits is not.
fn behind_largest(format: Option<&SchemaFormat>) -> Option<Number> {
    let Some(SchemaFormat::KnownFormat(format)) = format else { return None };
    match format {
        KnownFormat::UInt8 => Some(Number::Float(256.0)),
        KnownFormat::UInt16 => Some(Number::Float(65_536.0)),
        KnownFormat::UInt32 => Some(Number::Float(4_294_967_296.0)),
        KnownFormat::UInt64 => Some(Number::Float(18_446_744_073_709_551_616.0)),
        _ => None,
    }
}

/// # Panics
/// If the tables name a field that the wire types lack: a test reads them all.
fn property<'a>(
    components: &'a mut openapi::Components,
    of: &str,
    field: &str,
) -> &'a mut RefOr<Schema> {
    let schema = components.schemas.get_mut(of);
    let Some(RefOr::T(Schema::Object(object))) = schema else { panic!("there is no object {of}") };
    object.properties.get_mut(field).unwrap_or_else(|| panic!("{of} has no {field}"))
}

/// The schema of a text, or of the texts of a list.
fn text_of(schema: &mut RefOr<Schema>) -> &mut Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(Schema::Array(array)) => match &mut array.items {
            ArrayItems::RefOrSchema(items) => text_of(items),
            ArrayItems::False => panic!("a list has items"),
        },
        _ => panic!("this is no text"),
    }
}

/// The schema of a map's values.
fn prices_of(schema: &mut RefOr<Schema>) -> &mut Object {
    let RefOr::T(Schema::Object(map)) = schema else { panic!("this is no map") };
    match map.additional_properties.as_deref_mut() {
        Some(AdditionalProperties::RefOr(values)) => text_of(values),
        _ => panic!("a map has values"),
    }
}
