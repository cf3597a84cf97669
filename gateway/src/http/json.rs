//! Answers in JSON, written at once.
//!
//! actix-web's own begin with 128 bytes and grow to what a hold needs by moving twice.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// Room for what a rush is answered; more is found where more is told.
const BYTES: usize = 512;

/// The answer with this in it.
pub fn json(response: &mut HttpResponseBuilder, told: &impl Serialize) -> HttpResponse {
    response.content_type(ContentType::json()).body(written(told))
}

/// What is told, in JSON.
pub fn written(told: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES);
    serde_json::to_writer(&mut bytes, told).expect("what is told is plain data");
    bytes
}
