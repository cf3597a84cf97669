//! Row 16: ten thousand readers of one show's seat events while it is sold.
//!
//! The server collects changes for a moment and tells them all at once. So the delay of a delta is
//! that of the oldest hold in it, from the hold's acknowledgement to a reader having read the
//! delta's last frame: every reader's every delta counts, by its worst hold. Readers have a thread
//! of their own; they look for versions and leave the rest of what they read alone.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use super::say;
use crate::Settings;
use crate::client::{self, Load};
use crate::contenders::{SHOW_SEATS, Sale};
use crate::table::{Figure, Row, Wanted};
use crate::usher::{LISTEN, Usher};

/// Readers of one show.
const READERS: u32 = 10_000;
/// Descriptors that the client needs beside those of the readers.
const DESCRIPTORS_BESIDE: u64 = 200;
/// Holds a second meanwhile.
const RATE: f64 = 2_000.0;
/// Connections on which they are made.
const CONNECTIONS: usize = 64;
/// How long readers may take to connect and to have read their snapshots.
const JOINS_MAX: Duration = Duration::from_secs(60);
/// How long news may take to reach everybody once nothing happens any more.
const CATCHES_UP: Duration = Duration::from_secs(5);
/// What one read takes in at most.
const READ_BYTES: usize = 64 << 10;
/// More than a line with an id has; so much is kept of a read for the next.
const KEPT_BYTES: usize = 64;

/// Connects the readers, then sells.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let wanted = settings.sized(READERS);
    let (readers, note) = allowed(wanted)?;
    let usher = Usher::start(settings, &["--streams-max", "20000"]).await?;
    let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
    sale.offer(&usher, SHOW_SEATS as usize).await?;
    let show = sale.shows().remove(0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = usher.resident_bytes()?;
    let crowd = Crowd::send(&show, readers)?;
    crowd.has_joined(readers).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let joined = usher.resident_bytes()?;

    let turn = settings.seconds * settings.rounds as u32;
    let made = sell(&sale, turn, &crowd.news).await?;
    tokio::time::sleep(CATCHES_UP).await;
    let sold = usher.resident_bytes()?;
    let heard = crowd.leave()?;
    anyhow::ensure!(heard.lost == 0, "{} readers were cut off", heard.lost);
    anyhow::ensure!(heard.behind == 0, "{} readers never heard of all holds", heard.behind);

    let ms = |share: f64| heard.delays_us.value_at_quantile(share) as f64 / 1e3;
    let a_reader = |bytes: u64| bytes.saturating_sub(before) as f64 / f64::from(readers) / 1e3;
    let rows = [
        Row {
            number: 16,
            what: format!("delay p99 of {readers} readers of one show's events"),
            figure: Figure::once(ms(0.99) / 1e3, "s"),
            wanted: Wanted::AtMost(1.5, 1.0),
            note: format!(
                "{made}; {} deltas and {} MB read, p50 {:.0} ms, p99.9 {:.0} ms{note}",
                heard.delays_us.len(),
                heard.bytes >> 20,
                ms(0.5),
                ms(0.999)
            ),
        },
        Row {
            number: 16,
            what: "memory of a reader".into(),
            figure: Figure::once(a_reader(joined.max(sold)), "kB"),
            wanted: Wanted::AtMost(64.0, 16.0),
            note: format!(
                "{:.1} kB once they have joined, {:.1} kB after the rush",
                a_reader(joined),
                a_reader(sold)
            ),
        },
    ];
    rows.iter().for_each(say);
    Ok(rows.into())
}

/// How many readers the limit of open files allows, and what to say about it.
fn allowed(wanted: u32) -> anyhow::Result<(u32, String)> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
    let Some(hard) = hard else { return Ok((wanted, String::new())) };
    // The server keeps some back from connections, more than we need ourselves.
    let most = u32::try_from(hard.saturating_sub(2 * DESCRIPTORS_BESIDE)).unwrap_or(u32::MAX);
    if most >= wanted {
        return Ok((wanted, String::new()));
    }
    Ok((most, format!("; only {most} readers, since no process may open more than {hard} files")))
}

/// Holds at a steady rate; what is acknowledged is noted.
async fn sell(sale: &Sale, turn: Duration, news: &Arc<News>) -> anyhow::Result<String> {
    let holds = sale.holds();
    let mut load: Load<'_> = holds.load(CONNECTIONS, turn, Some(RATE));
    let noted = news.clone();
    load.answers = Some(Rc::new(move |body: &[u8]| noted.acknowledged(body)));
    let figures = client::run(&load).await?;
    anyhow::ensure!(figures.share(figures.good) > 0.99, "{}", figures.told());
    Ok(format!("{:.0} holds/s, p99 {:.1} ms", figures.per_second(), figures.quantile_ms(0.99)))
}

/// When which version of the show was acknowledged.
struct News {
    begun: Instant,
    /// In microseconds since then, by version; 0 where it was not.
    acknowledged_us: Vec<AtomicU64>,
    newest: AtomicU64,
    joined: AtomicU64,
    over: Notify,
}

impl News {
    fn new() -> Arc<Self> {
        // Each seat is held once, and the show has some versions before the first.
        let versions = 2 * SHOW_SEATS as usize;
        Arc::new(Self {
            begun: Instant::now(),
            acknowledged_us: std::iter::repeat_with(AtomicU64::default).take(versions).collect(),
            newest: AtomicU64::default(),
            joined: AtomicU64::default(),
            over: Notify::new(),
        })
    }

    fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    /// Takes the answer of a hold.
    fn acknowledged(&self, body: &[u8]) {
        let Some(version) = number_after(body, b"\"version\":") else { return };
        if let Some(at) = self.acknowledged_us.get(version as usize) {
            at.store(self.now_us(), Ordering::Relaxed);
            self.newest.fetch_max(version, Ordering::Relaxed);
        }
    }

    /// How long ago the first of these was acknowledged; none where none of them was yet.
    fn oldest_us(&self, after: u64, until: u64) -> Option<u64> {
        let (after, until) = (after as usize + 1, until as usize + 1);
        let versions = self.acknowledged_us.get(after..until)?;
        let times = versions.iter().map(|at| at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        Some(self.now_us().saturating_sub(times.min()?))
    }
}

/// What all readers heard.
struct Heard {
    delays_us: Histogram<u64>,
    bytes: u64,
    lost: u64,
    behind: u64,
    buffer: Vec<u8>,
}

/// All readers, on a thread.
struct Crowd {
    news: Arc<News>,
    thread: std::thread::JoinHandle<anyhow::Result<Heard>>,
}

impl Crowd {
    fn send(show: &str, readers: u32) -> anyhow::Result<Self> {
        let news = News::new();
        let path = format!("/api/v1/shows/{show}/seats/stream");
        let shared = news.clone();
        let thread = std::thread::Builder::new().name("readers".into());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, read_all(&path, readers, &shared))
        })?;
        Ok(Self { news, thread })
    }

    /// Waits until all have read a snapshot.
    async fn has_joined(&self, readers: u32) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.news.joined.load(Ordering::Relaxed) < u64::from(readers) {
            let joined = self.news.joined.load(Ordering::Relaxed);
            anyhow::ensure!(begun.elapsed() < JOINS_MAX, "only {joined} of {readers} joined");
            anyhow::ensure!(!self.thread.is_finished(), "the readers are gone");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn leave(self) -> anyhow::Result<Heard> {
        self.news.over.notify_waiters();
        self.thread.join().map_err(|_| anyhow::anyhow!("the readers panicked"))?
    }
}

async fn read_all(path: &str, readers: u32, news: &Arc<News>) -> anyhow::Result<Heard> {
    let delays_us = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let buffer = vec![0; READ_BYTES];
    let heard = Heard { delays_us, bytes: 0, lost: 0, behind: 0, buffer };
    let heard = Rc::new(RefCell::new(heard));
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        // One after the other, so that nobody is turned away from a full queue.
        let mut stream = TcpStream::connect(LISTEN).await.context("a reader")?;
        stream.set_nodelay(true)?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (news, heard) = (news.clone(), heard.clone());
        tasks.spawn_local(async move {
            let kept = Vec::with_capacity(KEPT_BYTES);
            let mut reader = Reader { stream, reading: None, seen: 0, kept };
            let is_lost = tokio::select! {
                ended = reader.read(&news, &heard) => ended.is_err(),
                () = news.over.notified() => false,
            };
            let newest = news.newest.load(Ordering::Relaxed);
            let mut heard = heard.borrow_mut();
            heard.lost += u64::from(is_lost);
            heard.behind += u64::from(reader.seen < newest);
        });
    }
    tasks.join_all().await;
    let heard = Rc::into_inner(heard).context("somebody still reads")?;
    Ok(heard.into_inner())
}

struct Reader {
    stream: TcpStream,
    /// The version of the delta that is being read.
    reading: Option<u64>,
    /// The last version that it was told.
    seen: u64,
    /// The end of the last read: a line may have been cut there.
    kept: Vec<u8>,
}

impl Reader {
    async fn read(&mut self, news: &News, heard: &RefCell<Heard>) -> anyhow::Result<()> {
        loop {
            self.stream.readable().await?;
            let mut heard = heard.borrow_mut();
            // Readers look at what they read at once, so that one buffer is enough for all.
            let mut buffer = std::mem::take(&mut heard.buffer);
            let kept = self.kept.len();
            buffer[..kept].copy_from_slice(&self.kept);
            let taken = match self.stream.try_read(&mut buffer[kept..]) {
                Ok(0) => anyhow::bail!("the stream has ended"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                taken => Some(taken?),
            };
            if let Some(taken) = taken {
                heard.bytes += taken as u64;
                self.look(&buffer[..kept + taken], news, &mut heard);
            }
            heard.buffer = buffer;
        }
    }

    /// Looks for versions, and for the ends of the frames that have them.
    fn look(&mut self, bytes: &[u8], news: &News, heard: &mut Heard) {
        let mut from = 0;
        for place in memchr::memmem::find_iter(bytes, b"\nid: ") {
            let Some(version) = number_after(&bytes[place..], b"id: ") else { break };
            if version > self.reading.unwrap_or(self.seen) {
                self.has_read(news, heard);
                self.reading = Some(version);
                from = place;
            }
        }
        if self.reading.is_some() && memchr::memmem::find(&bytes[from..], b"\n\n").is_some() {
            self.has_read(news, heard);
        }
        self.kept.clear();
        self.kept.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT_BYTES)..]);
    }

    fn has_read(&mut self, news: &News, heard: &mut Heard) {
        let Some(version) = self.reading.take() else { return };
        if self.seen == 0 {
            news.joined.fetch_add(1, Ordering::Relaxed);
        } else if let Some(delay_us) = news.oldest_us(self.seen, version) {
            heard.delays_us.saturating_record(delay_us);
        }
        self.seen = version;
    }
}

/// The number behind a word, where all of it is there.
fn number_after(bytes: &[u8], word: &[u8]) -> Option<u64> {
    let digits = &bytes[memchr::memmem::find(bytes, word)? + word.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_once_all_of_it_is_there() {
        assert_eq!(number_after(b"\nid: 123\ndata", b"id: "), Some(123));
        assert_eq!(number_after(b"\nid: 12", b"id: "), None, "there may be more digits");
        assert_eq!(number_after(b"\nid: \n", b"id: "), None);
        assert_eq!(number_after(b"data", b"id: "), None);
    }
}
