//! Everything that may go wrong with a request, and how it is told.
//!
//! [`Code`] is the closed list of what can be wrong. Each has one status, one title and one page
//! that explains it, so the list, the answers and the documentation cannot disagree. [`ApiError`]
//! is one occurrence: a code, words for this time, and what helps to act on it.
//!
//! What happened inside is logged and never told outside.

use super::{json, request_id};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use std::borrow::Cow;
use std::fmt;
use usher_wire::{PROBLEM_MEDIA_TYPE, Problem, ProblemSeat};

macro_rules! codes {
    ($($variant:ident $status:literal $word:literal $title:literal $advice:literal;)*) => {
        /// What can be wrong. Words are stable; new ones are only added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $advice] $variant,)*
        }

        impl Code {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A few words, always the same.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means and what to do.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    BadRequest 400 "BAD_REQUEST" "The request cannot be read"
        "The request is not valid HTTP, or its path cannot be decoded. Correct it before trying again.";
    NotJson 400 "NOT_JSON" "The body is not JSON"
        "The body is not JSON in UTF-8. The detail says at which line and column reading stopped.";
    InvalidField 400 "INVALID_FIELD" "A field is missing or wrong"
        "The field at `pointer` (RFC 6901) is missing, unknown, of the wrong type or out of bounds. Nothing happened; correct it before trying again.";
    InvalidParameter 400 "INVALID_PARAMETER" "A query parameter or header is wrong"
        "The query parameter or header named in `parameter` is unknown, of the wrong type or out of bounds.";
    IdempotencyKeyMissing 400 "IDEMPOTENCY_KEY_MISSING" "An Idempotency-Key is required"
        "This call must carry an `Idempotency-Key`: choose one per purchase, keep it for every repeat, and no repeat can do the same thing twice.";
    Unauthorized 401 "UNAUTHORIZED" "A credential is missing or wrong"
        "Send `Authorization: Bearer <key>` with the key for this part of the API.";
    WrongLogin 401 "WRONG_LOGIN" "E-mail address or password is wrong"
        "No account has this e-mail address and this password. Which of the two is wrong is not told.";
    SessionOver 401 "SESSION_OVER" "The session is over"
        "The refresh token was never given out here, or its session has ended. Log in again.";
    TokenReused 401 "TOKEN_REUSED" "The refresh token was used before"
        "A refresh token is good for one use. This one was replaced before, so a copy of it may be in other hands: its session has ended. Log in again.";
    BadSignature 401 "BAD_SIGNATURE" "The signature is wrong"
        "The callback's signature does not cover its fields, or was made with another secret. Nothing was recorded.";
    QueueTokenInvalid 401 "QUEUE_TOKEN_INVALID" "The queue token is missing or wrong"
        "Send the `token` that joining the waiting room gave, as `X-Queue-Token` or `?token=`.";
    PaymentDeclined 402 "PAYMENT_DECLINED" "The payment was declined"
        "The provider declined the payment. The order waits for another attempt until `payBy`.";
    Forbidden 403 "FORBIDDEN" "Not allowed"
        "The credential is good, but not for this: a hold or an order belongs to the user who made it.";
    ChallengeRequired 403 "CHALLENGE_REQUIRED" "A challenge must be solved first"
        "Ask for a challenge where `challenge` says, solve it, and repeat the request with the solution in the header `X-Challenge-Solution`. Nothing happened.";
    ChallengeFailed 403 "CHALLENGE_FAILED" "The solution does not count"
        "The solution is wrong, late, used, or for something else; the detail says which. Ask for a new challenge where `challenge` says. Nothing happened.";
    RiskRefused 403 "RISK_REFUSED" "Not let through"
        "This request looks too much like a machine's. Nothing happened. If you are a person, write to the organiser and name the request's id: the reasons are in the logbook.";
    PassRequired 403 "PASS_REQUIRED" "A pass of the waiting room is required"
        "While the show's waiting room is on, a hold needs a pass: join the queue, wait to be called, claim the pass and send it as `X-Queue-Pass`.";
    PassInvalid 403 "PASS_INVALID" "The pass is not for this"
        "The pass was not given out here, or is another user's, another show's, or for other goods. The detail says which.";
    PlaceTakenAway 403 "PLACE_TAKEN_AWAY" "The place was taken away"
        "An operator has taken this user's place in the waiting room away.";
    NotFound 404 "NOT_FOUND" "No such page"
        "Nothing is at this path. The OpenAPI document lists everything that is.";
    UnknownShow 404 "UNKNOWN_SHOW" "No such show"
        "No show has this id.";
    UnknownPlan 404 "UNKNOWN_PLAN" "No such seating plan"
        "No seating plan has this id.";
    UnknownHold 404 "UNKNOWN_HOLD" "No such hold"
        "No hold has this id: it was never given out here, or ended long ago.";
    UnknownOrder 404 "UNKNOWN_ORDER" "No such order"
        "No order has this id.";
    UnknownPayment 404 "UNKNOWN_PAYMENT" "No such payment"
        "No payment has this id.";
    UnknownTicket 404 "UNKNOWN_TICKET" "No such ticket"
        "No ticket has this code.";
    UnknownAccount 404 "UNKNOWN_ACCOUNT" "No such account"
        "There is no such account (any more).";
    UnknownKey 404 "UNKNOWN_KEY" "No such key"
        "No key has this number (any more).";
    UnknownQueue 404 "UNKNOWN_QUEUE" "No such waiting room"
        "This show has no waiting room: nobody has to wait for it.";
    UnknownPlace 404 "UNKNOWN_PLACE" "No such place"
        "This waiting room has no such place.";
    UnknownShard 404 "UNKNOWN_SHARD" "No such shard"
        "Shards are numbered from 0 to one less than their count.";
    UnknownPartition 404 "UNKNOWN_PARTITION" "No such partition"
        "Partitions are numbered from 0 to 4095.";
    MethodNotAllowed 405 "METHOD_NOT_ALLOWED" "Not with this method"
        "There is something at this path, but it does not answer to this method.";
    TooSlow 408 "TOO_SLOW" "The body came too slowly"
        "The body did not come at the least speed that this server waits for. Nothing happened.";
    SeatUnavailable 409 "SEAT_UNAVAILABLE" "A seat is not available"
        "At least one of the seats is held, sold or not on sale; `seats` says which. None was taken. Read the seat map again and choose others.";
    SoldOut 409 "SOLD_OUT" "Sold out"
        "There is not enough left of what was asked for. Seats may come back when holds end.";
    HoldNotActive 409 "HOLD_NOT_ACTIVE" "The hold is not active"
        "The hold was released or has become an order; `state` says which.";
    SaleNotOpen 409 "SALE_NOT_OPEN" "The sale is not open"
        "The sale has not begun, is paused, or is over; `state` says which.";
    IllegalState 409 "ILLEGAL_STATE" "Its state does not allow that"
        "What was asked for cannot be done in the present state; `state` says which that is.";
    ShowExists 409 "SHOW_EXISTS" "A show with this id exists"
        "Choose another `showId`, or leave it out and get one.";
    CapacityInUse 409 "CAPACITY_IN_USE" "Less than is sold or held"
        "A capacity cannot go below what is sold or held.";
    LimitPerDocument 409 "LIMIT_PER_DOCUMENT" "More than one document may have"
        "With this, a document would have more tickets than the show allows; `pointer` says which, and `remaining` how many more it may have.";
    TooManyPayments 409 "TOO_MANY_PAYMENTS" "Too many attempts to pay"
        "This order has had as many payment attempts as an order may have. Make a new one.";
    ScheduleFull 409 "SCHEDULE_FULL" "Too many batches are scheduled"
        "This show has as many batches waiting to go on sale as a show may have.";
    LoginTaken 409 "LOGIN_TAKEN" "An account with this login exists"
        "Log in, or have the password reset.";
    PasswordChanged 409 "PASSWORD_CHANGED" "The password was changed meanwhile"
        "The password was changed while this request was under way. Log in with the new one.";
    ResetUnavailable 409 "RESET_UNAVAILABLE" "Nobody would be written to"
        "This server has nobody who sends mail. The box office can have the password reset.";
    TooManyKeys 409 "TOO_MANY_KEYS" "Too many keys"
        "There are as many keys as there may be. Revoke one that is not used.";
    QueueNotOpen 409 "QUEUE_NOT_OPEN" "The waiting room does not do that now"
        "The waiting room takes nobody, or lets nobody in, in its present state; `state` says which that is.";
    QueueFull 409 "QUEUE_FULL" "The waiting room is full"
        "As many people have joined as one waiting room takes.";
    NotYourTurn 409 "NOT_YOUR_TURN" "It is not your turn yet"
        "The place has not been called. Ask how it stands, no more often than `nextPollSeconds` says.";
    CallMissed 409 "CALL_MISSED" "The call was not answered in time"
        "The pass was not claimed in time. The place is behind the next block and will be called again.";
    PlaceEnded 409 "PLACE_ENDED" "This place has ended"
        "The place is over; `state` says why. Join again to stand at the end.";
    PassUsed 409 "PASS_USED" "The pass was used"
        "A pass is good for one hold, and this one has made its hold. Join again to stand at the end.";
    PassExpired 410 "PASS_EXPIRED" "The pass has run out"
        "The pass was not used in time. Join again to stand at the end.";
    HoldExpired 410 "HOLD_EXPIRED" "The hold has expired"
        "The hold's time is over and its seats are free again. Make a new one.";
    ResetExpired 410 "RESET_EXPIRED" "The way to reset the password is over"
        "The token was used, replaced by a later one, or its time is over. Ask for another.";
    OrderExpired 410 "ORDER_EXPIRED" "The time to pay is over"
        "The order was not paid in time and its seats are free again. Make a new one.";
    TooLarge 413 "TOO_LARGE" "The body is too large"
        "The body, unpacked, is larger than this route takes; `limit` says how many bytes that is.";
    UriTooLong 414 "URI_TOO_LONG" "The path is too long"
        "Path and query together are longer than this server takes.";
    UnsupportedMediaType 415 "UNSUPPORTED_MEDIA_TYPE" "Not this media type"
        "Send `Content-Type: application/json`, packed with gzip, deflate, or not at all.";
    LimitPerUser 422 "LIMIT_PER_USER" "More than one user may have"
        "With this, the user would have more seats or tickets than the show allows; `remaining` says how many more there may be.";
    NamesRequired 422 "NAMES_REQUIRED" "This show asks who comes"
        "Give one of `attendees` for each ticket, in the order of the seats; `limit` says how many. The show says in `identity` by which form their documents are checked.";
    NamesNotAsked 422 "NAMES_NOT_ASKED" "This show does not ask who comes"
        "Leave `attendees` out: what is not asked for is not kept.";
    BadDocument 422 "BAD_DOCUMENT" "This is no number of such a document"
        "The number of a document has not the form that the show asks for, or its check digit is wrong; `pointer` says which.";
    TooManyHolds 422 "TOO_MANY_HOLDS" "Too many holds at once"
        "This user has as many live holds and unpaid orders as one may have. Finish or release one.";
    TooManySeats 422 "TOO_MANY_SEATS" "Too many for one hold"
        "One hold may have at most `limit` seats or tickets.";
    NothingAsked 422 "NOTHING_ASKED" "Nothing was asked for"
        "Ask for at least one seat or ticket.";
    UnknownLane 422 "UNKNOWN_LANE" "No such lane"
        "The waiting room has no lane of this name.";
    BadQueue 422 "BAD_QUEUE" "This makes no waiting room"
        "What was given makes no waiting room, or changes what people rely on already; the detail says what.";
    UnknownSeat 422 "UNKNOWN_SEAT" "The plan has no such seat"
        "The show's plan has no such seat, price category, section or stock; `pointer` or `seats` says which.";
    DuplicateSeat 422 "DUPLICATE_SEAT" "A seat is named twice"
        "The same seat is named twice in one request.";
    WrongKind 422 "WRONG_KIND" "This show does not sell that"
        "Seats were asked of a show, or a part of one, that has none, or stock of one that has none.";
    BadShow 422 "BAD_SHOW" "This makes no show"
        "What was given contradicts itself; the detail says how.";
    BadPlan 422 "BAD_PLAN" "This is no seating plan"
        "The seating plan cannot be used; `pointer` says where the fault is.";
    IdempotencyKeyReused 422 "IDEMPOTENCY_KEY_REUSED" "The key was used for something else"
        "The same `Idempotency-Key` came with another body before. Use a new key for a new request.";
    RateLimited 429 "RATE_LIMITED" "Too many requests"
        "Wait as long as `Retry-After` says.";
    HoldsPaused 429 "HOLDS_PAUSED" "Holds ran out unpaid"
        "Holds of this user ran out unpaid, again and again. The next may be placed after `Retry-After`; the pause grows with each further one, and ends with the first that is paid.";
    NewAccountsFull 429 "NEW_ACCOUNTS_FULL" "New accounts hold as much as they may"
        "This show lets new accounts hold only a part of it at once, and that part is taken. Ask again after `Retry-After`.";
    Internal 500 "INTERNAL" "Something broke here"
        "This is a fault of the server; its log has more under the request's id.";
    CommandQuarantined 500 "COMMAND_QUARANTINED" "This request broke something before"
        "The same request made a part of the server fail twice, so it is not tried again until the server was restarted. Nothing happened, and repeating it does not help; the operators have been told.";
    Busy 503 "BUSY" "Full"
        "As many requests wait as may. Nothing happened; try again after `Retry-After`.";
    AccountsFull 503 "ACCOUNTS_FULL" "No room for another account"
        "This part of all accounts is as full as it may be. Nothing happened.";
    Draining 503 "DRAINING" "Shutting down"
        "This server is being stopped. Nothing happened; try again after `Retry-After`.";
    Rebuilding 503 "REBUILDING" "A part of the server is coming back"
        "The part of the server that keeps this show failed and is being rebuilt from its journal, which takes moments. Nothing happened; try again after `Retry-After`.";
    DiskFull 503 "DISK_FULL" "No room to record anything"
        "The disk is as full as it may be, so nothing can be sold; reading goes on. Nothing happened.";
    StockMoving 503 "STOCK_MOVING" "Tickets are on their way"
        "The last tickets of this stock are being brought together. Nothing happened; try again at once.";
    OutcomeUnknown 504 "OUTCOME_UNKNOWN" "It may have happened"
        "The request was taken, but its outcome did not come in time. Repeat it with the same `Idempotency-Key`: it will not be done twice.";
}

impl Code {
    /// The stable relative URI that explains this code.
    pub fn uri(self) -> String {
        ["/problems/", &self.slug()].concat()
    }

    /// The last part of that URI.
    pub fn slug(self) -> String {
        let written = |byte: u8| if byte == b'_' { '-' } else { byte.to_ascii_lowercase().into() };
        self.word().bytes().map(written).collect()
    }
}

/// A request that was not done.
pub struct ApiError(Box<Occurrence>);

struct Occurrence {
    code: Code,
    problem: Problem,
    retry_after_seconds: Option<u32>,
}

impl ApiError {
    /// A problem of this kind.
    pub fn new(code: Code) -> Self {
        let problem = Problem {
            kind: code.uri(),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.word().to_owned(),
            request_id: request_id::current(),
            ..Problem::default()
        };
        // What is full now is rarely full in a second.
        let retry_after_seconds = matches!(code.status(), 429 | 503).then_some(1);
        Self(Box::new(Occurrence { code, problem, retry_after_seconds }))
    }

    /// A fault of ours: logged with its cause, told without.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(request = request_id::current(), %cause, "a request met a fault");
        Self::new(Code::Internal)
    }

    /// A field that is wrong.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidField).detail(detail).pointer(pointer)
    }

    /// A query parameter or header that is wrong.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut error = Self::new(Code::InvalidParameter).detail(detail);
        error.0.problem.parameter = Some(name.into());
        error
    }

    /// Says what is wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.problem.detail = Some(detail.into());
        self
    }

    /// Says which field is wrong.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.problem.pointer = Some(pointer.into());
        self
    }

    /// Says which seats are in the way.
    #[must_use]
    pub fn seats(mut self, seats: Vec<ProblemSeat>) -> Self {
        self.0.problem.seats = Some(seats);
        self
    }

    /// Says which state does not allow it.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.0.problem.state = Some(state.into());
        self
    }

    /// Says where to ask for the challenge that is missing.
    #[must_use]
    pub fn challenge(mut self, place: impl Into<String>) -> Self {
        self.0.problem.challenge = Some(place.into());
        self
    }

    /// Says which limit was met.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.0.problem.limit = Some(limit);
        self
    }

    /// Says how many more there may be.
    #[must_use]
    pub fn remaining(mut self, remaining: u32) -> Self {
        self.0.problem.remaining = Some(remaining);
        self
    }

    /// Says which number the engine's refusal has.
    #[must_use]
    pub fn refusal(mut self, number: u16) -> Self {
        self.0.problem.refusal = Some(number);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// What kind of problem it is.
    pub fn code(&self) -> Code {
        self.0.code
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiError").field(&self.0.problem).finish()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.0.problem;
        write!(f, "{}: {}", problem.code, problem.detail.as_deref().unwrap_or(&problem.title))
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).expect("the table has valid statuses")
    }

    fn error_response(&self) -> HttpResponse {
        let problem = match self.0.problem.request_id {
            Some(_) => Cow::Borrowed(&self.0.problem),
            // Made where its request is not known, such as on a thread that reads a plan.
            None => {
                let request_id = request_id::current();
                Cow::Owned(Problem { request_id, ..self.0.problem.clone() })
            }
        };
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, PROBLEM_MEDIA_TYPE));
        if let Some(seconds) = self.0.retry_after_seconds {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if self.0.code.status() == 401 {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if self.0.code == Code::TooSlow {
            // The rest of the body is not waited for.
            response.insert_header((CONNECTION, "close"));
        }
        response.body(json::written(&*problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_has_a_word_and_a_page_of_its_own() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(code.word().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{code:?}");
            assert!(code.uri().starts_with("/problems/") && !code.uri().contains('_'));
            assert!(!code.title().is_empty() && code.advice().ends_with('.'), "{code:?}");
        }
    }

    #[actix_web::test]
    async fn an_error_is_a_problem_with_what_helps() {
        let error = ApiError::new(Code::Busy).detail("the lane is full").retry_after(2);
        let response = error.error_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(RETRY_AFTER).expect("said"), "2");
        assert_eq!(response.headers().get(CONTENT_TYPE).expect("said"), PROBLEM_MEDIA_TYPE);
        let body = actix_web::body::to_bytes(response.into_body()).await.expect("a body");
        let problem: Problem = serde_json::from_slice(&body).expect("a problem");
        assert_eq!((problem.kind.as_str(), problem.code.as_str()), ("/problems/busy", "BUSY"));
        assert_eq!(problem.detail.as_deref(), Some("the lane is full"));
    }
}
