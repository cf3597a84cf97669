//! The stream of a place in a waiting room: what somebody who waits is told without asking again.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

/// The next place that a stream tells of; `None` once it has ended.
async fn next(stream: &mut reqwest::Response, heard: &mut String) -> Option<Value> {
    loop {
        if let Some((event, rest)) = heard.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let place = data.map(|data| serde_json::from_str(data).expect("JSON"));
            assert!(place.is_none() || event.contains("event: place"), "{event}");
            *heard = rest.to_owned();
            match place {
                Some(place) => return Some(place),
                None => continue,
            }
        }
        let piece = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await;
        let piece = piece.expect("something is told").expect("the connection stays")?;
        heard.push_str(std::str::from_utf8(&piece).expect("text"));
    }
}

#[actix_web::test]
async fn who_waits_is_told_of_the_call_and_of_the_end() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let room = json!({
        "preQueueAt": "2020-01-01T00:00:00Z", "opensAt": "2040-01-01T00:00:00Z",
        "lanes": [{"name": "all"}], "drawSource": "",
    });
    let path = format!("/admin/v1/shows/{show_id}/queue");
    shop.admin(Method::PUT, &path).json(&room).send().await.expect(200);
    let queue = format!("/api/v1/shows/{show_id}/queue");
    shop.wait_for(&queue, |room| room["state"] == "PRE_QUEUE").await;
    let joined = shop.ask(Method::POST, &queue).json(&json!({"userId": "ada"})).send().await;
    let token = text(&joined.expect(200)["token"]);

    // In a query, since a browser's EventSource sets no headers.
    let path = format!("/api/v1/queue/stream?token={token}");
    let mut stream = shop.ask(Method::GET, &path).stream().await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    let first = next(&mut stream, &mut heard).await.expect("how it stands, at once");
    assert_eq!(first["status"], "ENTERED", "{first}");

    let path = format!("/ops/v1/shows/{show_id}/queue/open");
    shop.ask_at(true, Method::POST, &path)
        .header("authorization", &format!("Bearer {}", shop.key("operator_key")))
        .send()
        .await
        .expect(200);
    let mut statuses = vec![text(&first["status"])];
    while statuses.last().is_some_and(|status| status != "CALLED") {
        let place = next(&mut stream, &mut heard).await.expect("it goes on");
        statuses.push(text(&place["status"]));
        assert!(statuses.len() < 20, "{statuses:?}");
    }

    // A place that ended has no more to say.
    let leave = shop.ask(Method::DELETE, "/api/v1/queue").header("x-queue-token", &token);
    assert!(leave.send().await.status < 300);
    let mut last = None;
    while let Some(place) = next(&mut stream, &mut heard).await {
        last = Some(place);
    }
    assert_eq!(last.expect("the end is told")["status"], "ENDED");
    let stranger = shop.ask(Method::GET, "/api/v1/queue/stream?token=rubbish").send().await;
    stranger.refused(401, "QUEUE_TOKEN_INVALID");
}
