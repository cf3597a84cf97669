//! Reads what `strace -f -ttt -y` wrote down, and says of every promise whether it came too early.
//!
//! A promise is an answer that buyers rely on after a power cut: 200 or 201 to a `POST` below
//! `/api/v1`. It is backed if, after the last byte of its request had arrived on that socket and
//! before the call that sends it began, something was written to a generation's `db` file, and then
//! an `fdatasync` of that file began and returned 0. Nobody else's flush counts, neither one that
//! was under way already nor one that failed or was not executed.
//!
//! Lines stand for times: a thread goes on only after its call was written down, so what caused
//! something stands above it. A call that others interrupt in the trace has two lines; it began in
//! the first and ended in the second. This is pure, so that it can be tested on planted lines.

use std::collections::HashMap;
use std::path::Path;

/// One answer that promises something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// Method and path, empty where no request is seen on that socket.
    pub(crate) request: String,
    pub(crate) status: u16,
    /// Where in the trace it starts to leave; the first line is 1.
    pub(crate) line: usize,
    pub(crate) is_backed: bool,
}

/// A system call that returned.
#[derive(Debug)]
struct Call<'a> {
    name: &'a str,
    /// What its descriptor stands for: a path, or `socket:[…]`.
    target: String,
    /// The beginning of what it carried, as C writes it.
    text: String,
    /// What it returned, with everything that `strace` says about it.
    result: String,
    began: usize,
    ended: usize,
}

impl Call<'_> {
    /// Whether it returned a count, and not that of nothing.
    fn moved_bytes(&self) -> bool {
        self.result.parse().is_ok_and(|count: u64| count > 0)
    }

    fn is_between(&self, after: usize, before: usize) -> bool {
        after < self.began && self.ended < before
    }
}

/// A request that is not answered yet.
struct Asked {
    request: String,
    /// Where its last byte so far had arrived.
    arrived: usize,
}

/// Every promise in a trace of a server whose journal is in this directory, in order.
pub(crate) fn promises(trace: &str, journal: &Path) -> Vec<Promise> {
    let calls = calls(trace);
    let mut asked = HashMap::<&str, Asked>::new();
    let mut promises = Vec::new();
    for call in calls.iter().filter(|call| call.target.starts_with("socket:")) {
        match call.name {
            "read" | "readv" | "recvfrom" | "recvmsg" if call.moved_bytes() => {
                if let Some(request) = request_in(&call.text) {
                    asked.insert(&call.target, Asked { request, arrived: call.ended });
                } else if let Some(asked) = asked.get_mut(&*call.target) {
                    asked.arrived = call.ended;
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" => {
                let Some(status) = status_in(&call.text) else { continue };
                let asked = asked.remove(&*call.target);
                let is_backed = asked.as_ref().is_some_and(|asked| {
                    is_flushed_between(&calls, journal, asked.arrived, call.began)
                });
                let request = asked.map_or_else(String::new, |asked| asked.request);
                let is_buyers = request.is_empty() || request.starts_with("POST /api/v1/");
                if is_buyers && matches!(status, 200 | 201) {
                    promises.push(Promise { request, status, line: call.began, is_backed });
                }
            }
            _ => {}
        }
    }
    promises
}

/// Whether between these lines something was written to the journal and then flushed.
fn is_flushed_between(calls: &[Call<'_>], journal: &Path, after: usize, before: usize) -> bool {
    let mut flushes = calls.iter().filter(|call| {
        call.name == "fdatasync"
            && call.result == "0"
            && is_data_of(journal, &call.target)
            && call.is_between(after, before)
    });
    flushes.any(|flush| {
        calls.iter().any(|call| {
            call.name == "pwrite64"
                && call.target == flush.target
                && call.moved_bytes()
                && call.is_between(after, flush.began)
        })
    })
}

/// Whether this is the `db` file of one of the journal's generations.
fn is_data_of(journal: &Path, target: &str) -> bool {
    let file = Path::new(target);
    file.file_name().is_some_and(|name| name == "db")
        && file.parent().and_then(Path::parent) == Some(journal)
}

/// `POST /path` of the head of a request.
fn request_in(text: &str) -> Option<String> {
    let (line, _) = text.split_once(" HTTP/1.1")?;
    let (method, path) = line.split_once(' ')?;
    let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_method && path.starts_with('/')).then(|| line.to_owned())
}

/// The status in the head of an answer.
fn status_in(text: &str) -> Option<u16> {
    text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// All calls that returned, in the order in which they did.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut unfinished = HashMap::<&str, (usize, &str)>::new();
    let mut calls = Vec::new();
    for (line_no, line) in (1..).zip(trace.lines()) {
        // `7  1795223853.680388 fdatasync(15</data/journal/00000001/db>) = 0`
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((_time, said)) = rest.trim_start().split_once(' ') else { continue };
        if let Some(head) = said.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (line_no, head));
        } else if let Some(resumed) = said.strip_prefix("<... ") {
            let began = unfinished.remove(thread);
            let tail = resumed.split_once("resumed>");
            if let (Some((began, head)), Some((_, tail))) = (began, tail) {
                calls.extend(call(head, tail, began, line_no));
            }
        } else {
            calls.extend(call(said, "", line_no, line_no));
        }
    }
    calls
}

/// A call on a descriptor, from its two halves; `None` for signals, ends of threads and the like.
fn call<'a>(head: &'a str, tail: &str, began: usize, ended: usize) -> Option<Call<'a>> {
    let (name, _) = head.split_once('(')?;
    let whole = format!("{head}{tail}");
    let (said, result) = whole.rsplit_once(" = ")?;
    let (_, target) = said.split_once('<')?;
    let (target, arguments) = target.split_once('>')?;
    let text = arguments.split_once('"').map_or("", |(_, text)| text);
    let (target, text, result) = (target.to_owned(), text.to_owned(), result.trim().to_owned());
    Some(Call { name, target, text, result, began, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: &str =
        r#"7 1.0 recvfrom(9<socket:[5]>, "POST /api/v1/orders HTTP/1.1\r\n"..., 8192, 0) = 99"#;
    const ANSWER: &str =
        r#"7 1.0 sendto(9<socket:[5]>, "HTTP/1.1 201 Created\r\n"..., 50, 0) = 50"#;
    const WRITE: &str = r#"8 1.0 pwrite64(4</data/journal/00000001/db>, "<\"> = 1"..., 9, 0) = 9"#;
    const FLUSH: &str = "8 1.0 fdatasync(3</data/journal/00000001/db>) = 0";
    const FLUSH_BEGINS: &str = "8 1.0 fdatasync(3</data/journal/00000001/db> <unfinished ...>";
    const FLUSH_RETURNS: &str = "8 1.0 <... fdatasync resumed>) = 0";

    /// Of each promise in these lines, whether it is backed.
    #[track_caller]
    fn check(lines: &[&str], backed: &[bool]) {
        let promises = promises(&lines.join("\n"), Path::new("/data/journal"));
        let found: Vec<bool> = promises.iter().map(|promise| promise.is_backed).collect();
        assert_eq!(found, backed, "{lines:#?}: {promises:#?}");
    }

    #[test]
    fn a_flush_backs_what_was_asked_before_it_and_answered_after_it() {
        check(&[ASK, WRITE, FLUSH, ANSWER], &[true]);
        check(&[ASK, WRITE, ANSWER, FLUSH], &[false]);
        check(&[WRITE, FLUSH, ASK, ANSWER], &[false]);
        check(&[WRITE, ASK, FLUSH, ANSWER], &[false]);
        check(&[ASK, FLUSH, WRITE, ANSWER], &[false]);
        check(&[ASK, WRITE, FLUSH, ANSWER, ASK, ANSWER], &[true, false]);
        check(&[ASK, ANSWER], &[false]);
        check(&[WRITE, FLUSH, ANSWER], &[false]);
    }

    #[test]
    fn a_flush_counts_only_between_its_begin_and_its_return() {
        check(&[ASK, WRITE, FLUSH_BEGINS, FLUSH_RETURNS, ANSWER], &[true]);
        check(&[ASK, WRITE, FLUSH_BEGINS, ANSWER, FLUSH_RETURNS], &[false]);
        check(&[ASK, WRITE, FLUSH_BEGINS, ANSWER], &[false]);
        check(&[WRITE, FLUSH_BEGINS, ASK, FLUSH_RETURNS, ANSWER], &[false]);
        // What resumes on another thread is another call.
        let other = "9 1.0 <... fdatasync resumed>) = 0";
        check(&[ASK, WRITE, FLUSH_BEGINS, other, ANSWER], &[false]);
    }

    #[test]
    fn requests_and_answers_are_interrupted_too() {
        let asks = "7 1.0 recvfrom(9<socket:[5]>,  <unfinished ...>";
        let asked = r#"7 1.0 <... recvfrom resumed>"POST /api/v1/orders HTTP/1.1\r\n", 8192) = 9"#;
        check(&[asks, asked, WRITE, FLUSH, ANSWER], &[true]);
        check(&[asks, WRITE, FLUSH, asked, ANSWER], &[false]);
        let answers =
            r#"7 1.0 sendto(9<socket:[5]>, "HTTP/1.1 201 Created"..., 5 <unfinished ...>"#;
        let answered = "7 1.0 <... sendto resumed>, 0) = 5";
        check(&[ASK, WRITE, FLUSH, answers, answered], &[true]);
        check(&[ASK, WRITE, answers, FLUSH, answered], &[false]);
        // The request's body comes in a piece of its own.
        let body = r#"7 1.0 recvfrom(9<socket:[5]>, "{\"holdId\":"..., 8192, 0) = 40"#;
        check(&[ASK, body, WRITE, FLUSH, ANSWER], &[true]);
        check(&[ASK, WRITE, FLUSH, body, ANSWER], &[false]);
        let nothing_yet = "7 1.0 recvfrom(9<socket:[5]>, 0x5, 8192, 0) = -1 EAGAIN (Try again)";
        check(&[ASK, WRITE, FLUSH, nothing_yet, ANSWER], &[true]);
    }

    #[test]
    fn only_flushes_of_the_journal_that_worked_count() {
        for flush in [
            "8 1.0 fdatasync(3</data/journal/00000001/db>) = -1 EIO (Input/output error)",
            "8 1.0 fdatasync(3</data/journal/00000001/db>) = 0 (INJECTED)",
            "8 1.0 fdatasync(3</data/journal/00000001/conf>) = 0",
            "8 1.0 fdatasync(3</data/journal/acknowledged>) = 0",
            "8 1.0 fdatasync(3</data/journal/00000002/db>) = 0",
            "8 1.0 fdatasync(3</data/keys/buyers.keys>) = 0",
            "8 1.0 fdatasync(3</other/journal/00000001/db>) = 0",
            "8 1.0 fdatasync(3) = 0",
        ] {
            check(&[ASK, WRITE, flush, ANSWER], &[false]);
            check(&[ASK, WRITE, flush, WRITE, FLUSH, ANSWER], &[true]);
        }
        let injected = "8 1.0 <... fdatasync resumed>) = 0 (INJECTED)";
        check(&[ASK, WRITE, FLUSH_BEGINS, injected, ANSWER], &[false]);
    }

    #[test]
    fn only_promises_need_a_flush() {
        let refused = ANSWER.replace("201 Created", "409 Conflict");
        check(&[ASK, &refused], &[]);
        check(&[&ASK.replace("POST", "GET"), &ANSWER.replace("201 Created", "200 OK")], &[]);
        check(&[ASK, &ANSWER.replace("201 Created", "200 OK")], &[false]);
        check(&[ASK, &ANSWER.replace("sendto", "write")], &[false]);
        let vector =
            r#"7 1.0 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 201 Created", iov_len=9}], 1) = 9"#;
        check(&[ASK, vector], &[false]);
        // One socket's request says nothing about another's answer.
        check(&[ASK, WRITE, FLUSH, &ANSWER.replace("[5]", "[6]"), ANSWER], &[false, true]);
    }

    #[test]
    fn what_is_no_call_is_passed_over() {
        let noise =
            ["8 1.0 --- SIGTERM {si_signo=SIGTERM} ---", "8 1.0 +++ exited with 0 +++", "", "8"];
        let lines: Vec<&str> =
            [ASK, WRITE].into_iter().chain(noise).chain([FLUSH, ANSWER]).collect();
        check(&lines, &[true]);
    }
}
