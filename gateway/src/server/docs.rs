//! What people read about the API: the OpenAPI document, its viewer, a page for every problem.
//!
//! Nothing here needs the internet: the viewer's files are part of the binary.

use crate::http::problem::{ApiError, Code};
use crate::http::route::at;
use crate::openapi;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use std::fmt::Write as _;
use utoipa_swagger_ui::SwaggerUi;

/// Mounts the documentation.
pub fn routes(service: &mut ServiceConfig) {
    let at = |pattern| at("", pattern);
    service
        .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", openapi::document()))
        .service(at("/docs").get(to_docs))
        .service(at("/problems").get(problems))
        .service(at("/problems/{slug}").get(problem));
}

async fn to_docs() -> impl Responder {
    HttpResponse::PermanentRedirect().insert_header(("Location", "/docs/")).finish()
}

async fn problems() -> impl Responder {
    let mut rows = String::new();
    for code in Code::ALL {
        let (slug, word, status) = (code.slug(), code.word(), code.status());
        let _infallible = write!(
            rows,
            "<tr><td>{status}<td><a href=\"/problems/{slug}\">{word}</a><td>{}",
            code.title()
        );
    }
    page("Problems", &format!("<table>{rows}</table>"))
}

async fn problem(slug: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let code = Code::ALL.iter().find(|code| code.slug() == *slug);
    let code = code.ok_or_else(|| ApiError::new(Code::NotFound))?;
    let body = format!(
        "<p>Status {}, code <code>{}</code></p><p>{}</p><p><a href=\"/problems\">All problems</a></p>",
        code.status(),
        code.word(),
        code.advice()
    );
    Ok(page(code.title(), &body))
}

/// `body` is made of the table of codes only, so there is nothing to escape.
fn page(title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} · Usher</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:46rem;margin:3rem auto;padding:0 1rem}}\
         td{{padding:.1rem 1rem .1rem 0}}</style><h1>{title}</h1>{body}</html>"
    );
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html)
}
