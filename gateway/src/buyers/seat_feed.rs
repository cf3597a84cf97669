//! What happens to a show's seats, written once for all who watch.
//!
//! ```text
//!   house's version ──► one task per watched show ──► ring of frames ──► any number of readers
//!                        every 150 ms at most          shared bytes       each a place in the ring
//! ```
//!
//! A reader owns nothing but its place, so ten thousand cost as much as one and some pointers. Who
//! falls out of the ring gets a fresh snapshot, which is shared as well. The task starts with the
//! first reader and ends a while after the last.
//!
//! Frames are at most `FRAME_BYTES_MAX` long. Only the last frame of a batch has the `id:`, so a
//! reader that was cut off inside a batch comes back to its beginning: frames say what seats are,
//! not what was done to them, so hearing one twice does no harm.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use data_encoding::BASE64;
use tokio::sync::watch;
use usher_engine::ShowKey;
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::seats::SeatStatus;
use usher_shards::ShowView;
use usher_shards::view::SeatMapCopy;

use super::sse::frame;

/// The longest frame, in bytes.
pub(super) const FRAME_BYTES_MAX: usize = 4_096;
/// What a frame needs beside the seats in it, at most.
const ENVELOPE_BYTES_MAX: usize = 256;
/// Bytes of packed states in one frame of a snapshot; base64 makes four of three.
const STATES_BYTES_MAX: usize = (FRAME_BYTES_MAX - ENVELOPE_BYTES_MAX) / 4 * 3;
/// Bytes of frames that are kept for slow readers, per show.
const RING_BYTES_MAX: usize = 1 << 20;
/// What keeping a frame costs beside its bytes, roughly.
const FRAME_OVERHEAD_BYTES: usize = 64;
/// How long changes are collected before they are told.
const COALESCE: Duration = Duration::from_millis(150);
/// How often something is said where nothing happens, so that a lost reader is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The feeds of all shows that somebody watches.
#[derive(Default)]
pub struct Feeds {
    feeds: Mutex<HashMap<ShowKey, Arc<Feed>>>,
}

impl Feeds {
    /// Begins to watch a show: from `last_seen` on where that is remembered, else from the start.
    pub(super) fn join(self: &Arc<Self>, view: Arc<ShowView>, last_seen: Option<u64>) -> Reader {
        let mut feeds = self.lock();
        let feed = feeds.entry(view.key).or_insert_with(|| {
            let feed = Arc::new(Feed::new(view));
            actix_web::rt::spawn(run(feed.clone(), self.clone()));
            feed
        });
        // Counted under the lock, so that the task does not leave just now.
        feed.readers.fetch_add(1, Ordering::SeqCst);
        let feed = feed.clone();
        drop(feeds);
        Reader::new(feed, last_seen)
    }

    /// Forgets a feed that nobody reads. Says whether it did.
    fn forget_idle(&self, feed: &Feed) -> bool {
        let mut feeds = self.lock();
        let is_idle = feed.readers.load(Ordering::SeqCst) == 0;
        if is_idle {
            feeds.remove(&feed.view.key);
        }
        is_idle
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ShowKey, Arc<Feed>>> {
        // Entries are put and removed whole, so they are good whatever happened to the last user.
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watched show.
struct Feed {
    view: Arc<ShowView>,
    ring: RwLock<Ring>,
    /// The number of the next frame.
    next: watch::Sender<u64>,
    readers: AtomicUsize,
    /// Set when the task is gone: readers end, and come back to a new one.
    is_over: AtomicBool,
}

#[derive(Debug)]
struct Ring {
    frames: VecDeque<Frame>,
    /// The number of the first frame that is kept.
    first: u64,
    bytes: usize,
    /// What all frames so far lead to.
    version: u64,
    snapshot: Option<Arc<Snapshot>>,
}

/// A frame, and the versions between which its batch leads.
#[derive(Debug, Clone)]
struct Frame {
    since: u64,
    version: u64,
    bytes: Bytes,
}

/// All seats at one version, in frames.
#[derive(Debug)]
struct Snapshot {
    version: u64,
    frames: Vec<Bytes>,
}

impl Feed {
    fn new(view: Arc<ShowView>) -> Self {
        let version = view.seats.figures().version;
        Self {
            view,
            ring: RwLock::new(Ring::new(version)),
            next: watch::Sender::new(0),
            readers: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Tells what changed since the last time. Says whether there was anything to tell.
    fn publish(&self) -> bool {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let (since, end) = (ring.version, ring.end());
        match (self.view.seats.changes_since(since), self.view.plan.as_deref()) {
            (Some(changes), Some(plan)) => {
                for bytes in encode_changes(plan, since, changes.version, &changes.seats) {
                    ring.push(Frame { since, version: changes.version, bytes });
                }
                ring.version = changes.version;
            }
            (None, Some(_)) => ring.start_over(self.view.seats.figures().version),
            (_, None) => {}
        }
        let has_news = ring.end() > end;
        if has_news {
            self.next.send_replace(ring.end());
        }
        has_news
    }

    fn say_nothing(&self) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let version = ring.version;
        ring.push(Frame { since: version, version, bytes: Bytes::from_static(b":\n\n") });
        self.next.send_replace(ring.end());
    }

    /// A snapshot, and the number of the first frame that goes on from it.
    fn snapshot(&self) -> (Arc<Snapshot>, u64) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &ring.snapshot
            && let Some(next) = ring.after(snapshot.version)
        {
            return (snapshot.clone(), next);
        }
        // The board may be newer than the ring; what comes next then repeats what is in it.
        let snapshot = Arc::new(Snapshot::of(&self.view.seats.copy()));
        ring.snapshot = Some(snapshot.clone());
        let next = ring.after(snapshot.version).unwrap_or_else(|| ring.end());
        (snapshot, next)
    }
}

impl Ring {
    fn new(version: u64) -> Self {
        Self { frames: VecDeque::new(), first: 0, bytes: 0, version, snapshot: None }
    }

    fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len() + FRAME_OVERHEAD_BYTES;
        self.frames.push_back(frame);
        while self.bytes > RING_BYTES_MAX
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.bytes.len() + FRAME_OVERHEAD_BYTES;
            self.first += 1;
        }
    }

    /// Forgets everything: so much happened that nobody can follow.
    fn start_over(&mut self, version: u64) {
        // One number is left out, so that readers who were up to date notice.
        *self = Self { first: self.end() + 1, ..Self::new(version) };
    }

    /// The first frame for a reader who knows `version`; `None` where it missed some.
    fn after(&self, version: u64) -> Option<u64> {
        let oldest = self.frames.front().map_or(self.version, |frame| frame.since);
        if version < oldest {
            return None;
        }
        let known = self.frames.partition_point(|frame| frame.version <= version);
        Some(self.first + known as u64)
    }

    fn frame(&self, number: u64) -> Found {
        match number.checked_sub(self.first) {
            None => Found::Gone,
            Some(place) => match self.frames.get(place as usize) {
                Some(frame) => Found::Frame(frame.bytes.clone()),
                None => Found::NotYet,
            },
        }
    }
}

enum Found {
    Frame(Bytes),
    NotYet,
    Gone,
}

impl Snapshot {
    fn of(copy: &SeatMapCopy) -> Self {
        Self { version: copy.version, frames: encode_snapshot(copy) }
    }
}

/// Watches until nobody has read for a while.
async fn run(feed: Arc<Feed>, feeds: Arc<Feeds>) {
    let ending = Ending { feed: &feed, feeds: &feeds };
    let mut versions = feed.view.subscribe();
    let mut said_at = Instant::now();
    let mut read_at = Instant::now();
    loop {
        // Also at first: something may have changed between the feed's making and this moment.
        if feed.publish() {
            said_at = Instant::now();
        } else if said_at.elapsed() >= HEARTBEAT {
            feed.say_nothing();
            said_at = Instant::now();
        }
        if feed.readers.load(Ordering::SeqCst) > 0 {
            read_at = Instant::now();
        } else if read_at.elapsed() >= HEARTBEAT && feeds.forget_idle(&feed) {
            break;
        }
        match tokio::time::timeout(HEARTBEAT / 4, versions.changed()).await {
            Ok(Ok(())) => {
                tokio::time::sleep(COALESCE).await;
                versions.mark_unchanged();
            }
            // Shows are never unpublished; if they were, there would be nothing to watch.
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    drop(ending);
}

/// Ends a feed with its task, also where the thread of the task ends first.
struct Ending<'a> {
    feed: &'a Arc<Feed>,
    feeds: &'a Arc<Feeds>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut feeds = self.feeds.lock();
        let key = self.feed.view.key;
        if feeds.get(&key).is_some_and(|feed| Arc::ptr_eq(feed, self.feed)) {
            feeds.remove(&key);
        }
        drop(feeds);
        self.feed.is_over.store(true, Ordering::SeqCst);
        self.feed.next.send_modify(|_| {});
    }
}

/// One reader's place.
pub(super) struct Reader {
    feed: Arc<Feed>,
    news: watch::Receiver<u64>,
    next: u64,
    /// The snapshot that is being sent, and how many of its frames are.
    snapshot: Option<(Arc<Snapshot>, usize)>,
}

impl Reader {
    fn new(feed: Arc<Feed>, last_seen: Option<u64>) -> Self {
        let news = feed.next.subscribe();
        let now = feed.view.seats.figures().version;
        // A version from the future was not given out here.
        let resumes = last_seen.filter(|version| *version <= now).and_then(|version| {
            feed.ring.read().unwrap_or_else(PoisonError::into_inner).after(version)
        });
        let mut reader = Self { feed, news, next: 0, snapshot: None };
        match resumes {
            Some(next) => reader.next = next,
            None => reader.start_over(),
        }
        reader
    }

    /// The next frame, as soon as there is one; `None` when the feed is over.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.next_of_snapshot() {
                return Some(frame);
            }
            // Seen before looking, so that what comes after the look wakes us.
            self.news.mark_unchanged();
            if self.feed.is_over.load(Ordering::SeqCst) {
                return None;
            }
            let found = {
                let ring = self.feed.ring.read().unwrap_or_else(PoisonError::into_inner);
                ring.frame(self.next)
            };
            match found {
                Found::Frame(bytes) => {
                    self.next += 1;
                    return Some(bytes);
                }
                Found::Gone => self.start_over(),
                Found::NotYet => self.news.changed().await.ok()?,
            }
        }
    }

    fn next_of_snapshot(&mut self) -> Option<Bytes> {
        let (snapshot, sent) = self.snapshot.as_mut()?;
        let frame = snapshot.frames.get(*sent).cloned();
        match frame {
            Some(_) => *sent += 1,
            None => self.snapshot = None,
        }
        frame
    }

    fn start_over(&mut self) {
        let (snapshot, next) = self.feed.snapshot();
        self.snapshot = Some((snapshot, 0));
        self.next = next;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.readers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All seats, packed as in the compact form, in frames of consecutive seats.
fn encode_snapshot(copy: &SeatMapCopy) -> Vec<Bytes> {
    let (version, seats) = (copy.version, copy.seat_count);
    let mut pieces: Vec<&[u8]> = copy.bits.chunks(STATES_BYTES_MAX).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let last = pieces.len() - 1;
    let frames = pieces.into_iter().enumerate().map(|(place, piece)| {
        let first = place * STATES_BYTES_MAX * 4;
        let states = BASE64.encode(piece);
        let data = format!(
            r#"{{"version":{version},"seats":{seats},"first":{first},"states":"{states}"}}"#
        );
        frame("snapshot", &data, (place == last).then_some(version))
    });
    frames.collect()
}

/// What seats are now that changed between two versions. No frame where none did.
fn encode_changes(
    plan: &SeatPlan,
    since: u64,
    version: u64,
    seats: &[(SeatIx, SeatStatus)],
) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    let mut lists = Lists::default();
    for &(seat, status) in seats {
        let label = serde_json::to_string(plan.label(seat)).expect("text is JSON");
        if lists.bytes + label.len() + 1 > FRAME_BYTES_MAX - ENVELOPE_BYTES_MAX {
            bodies.push(std::mem::take(&mut lists));
        }
        lists.add(status, &label);
    }
    if lists.bytes > 0 {
        bodies.push(lists);
    }
    let count = bodies.len();
    let frames = bodies.into_iter().enumerate().map(|(place, lists)| {
        let data = format!(r#"{{"version":{version},"since":{since}{}}}"#, lists.written());
        frame("changes", &data, (place + 1 == count).then_some(version))
    });
    frames.collect()
}

/// Labels by status, as JSON.
#[derive(Default)]
struct Lists {
    labels: [String; 4],
    bytes: usize,
}

impl Lists {
    fn add(&mut self, status: SeatStatus, label: &str) {
        let list = &mut self.labels[status as usize];
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(label);
        self.bytes += label.len() + 1;
    }

    fn written(&self) -> String {
        let names = ["available", "held", "sold", "blocked"];
        let lists = names.iter().zip(&self.labels).filter(|(_, labels)| !labels.is_empty());
        lists.map(|(name, labels)| format!(r#","{name}":[{labels}]"#)).collect()
    }
}

#[cfg(test)]
#[path = "seat_feed/tests.rs"]
mod tests;
