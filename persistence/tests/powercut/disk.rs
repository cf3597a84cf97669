//! A disk as a power cut may leave it: what was flushed is there, of the rest anything.
//!
//! The rules are those of POSIX and no kinder, as in Pillai et al., "All File Systems Are Not
//! Created Equal" (OSDI 2014), and in SQLite's crash tests:
//!
//! - what is written to a file is safe once a flush of that file, begun after the write returned,
//!   has returned; before that each write is there or not, whole or torn between sectors, and the
//!   order of the writes says nothing;
//! - a name is safe once its directory was flushed; before that each making, renaming and removing
//!   in it happened or not. A flush of the file does not save its name;
//! - `sync_file_range` saves nothing, since it neither flushes the device's cache nor the metadata;
//! - a rename replaces its target in one step.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// A device writes this many bytes at once or not at all.
const SECTOR_BYTES: usize = 512;

/// A moment in a recording: operations are numbered by it as they begin and return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) usize);

impl Moment {
    /// Before anything.
    pub(crate) const START: Self = Self(0);
    /// After everything.
    pub(crate) const END: Self = Self(usize::MAX);
}

/// How much of what was not flushed a cut takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// None of it, as when the process is killed.
    Nothing,
    /// All of it.
    Everything,
    /// About half of it, in any order.
    Half,
    /// All but about one operation.
    AllButFew,
    /// About one operation.
    Few,
    /// Half, and what is left is torn between sectors.
    Torn,
}

impl Loss {
    pub(crate) const ALL: [Self; 6] =
        [Self::Nothing, Self::Everything, Self::Half, Self::AllButFew, Self::Few, Self::Torn];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing lost",
            Self::Everything => "everything unflushed lost",
            Self::Half => "half lost",
            Self::AllButFew => "all but few lost",
            Self::Few => "few lost",
            Self::Torn => "half lost, the rest torn",
        }
    }

    /// Whether an operation that was not flushed survives.
    fn keeps(self, random: &mut Random) -> bool {
        match self {
            Self::Nothing => true,
            Self::Everything => false,
            Self::Half | Self::Torn => random.below(2) == 0,
            Self::AllButFew => random.below(6) == 0,
            Self::Few => random.below(6) > 0,
        }
    }
}

/// splitmix64 (Steele, Lea, Flood 2014): the same images on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Something done to a file or to a directory, and when.
struct Done<T> {
    what: T,
    began: Moment,
    returned: Moment,
    /// When the first flush that covers it returned.
    durable: Option<Moment>,
}

enum FileChange {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
}

enum NameChange {
    Make(String, Inode),
    Rename(String, String, Inode),
    Remove(String),
}

type Inode = usize;

enum Node {
    File(Vec<Done<FileChange>>),
    Dir(Vec<Done<NameChange>>),
}

/// Everything that was ever done, below one directory.
pub(crate) struct Disk {
    nodes: Vec<Node>,
    /// Where each name leads at the end of what was recorded so far.
    names: HashMap<PathBuf, Inode>,
    flushes: usize,
}

/// The directory that everything is below; it was there before.
const ROOT: Inode = 0;

impl Disk {
    /// What is in a directory now, all of it durable.
    pub(crate) fn load(dir: &Path) -> Self {
        let mut disk = Self {
            nodes: vec![Node::Dir(Vec::new())],
            names: HashMap::from([(PathBuf::new(), ROOT)]),
            flushes: 0,
        };
        disk.load_below(dir, Path::new(""));
        for node in &mut disk.nodes {
            match node {
                Node::File(changes) => changes.iter_mut().for_each(|c| c.durable = Some(c.began)),
                Node::Dir(changes) => changes.iter_mut().for_each(|c| c.durable = Some(c.began)),
            }
        }
        disk
    }

    fn load_below(&mut self, dir: &Path, below: &Path) {
        let mut paths: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let start = (Moment::START, Moment::START);
        for path in paths {
            let name = below.join(path.file_name().unwrap());
            if path.is_dir() {
                self.make(&name, true, start);
                self.load_below(&path, &name);
            } else {
                self.make(&name, false, start);
                self.write(&name, 0, fs::read(&path).unwrap(), start);
            }
        }
    }

    /// A file or a directory comes into being, unless it is there. Paths are relative to the root.
    pub(crate) fn make(&mut self, path: &Path, is_dir: bool, when: (Moment, Moment)) {
        if self.names.contains_key(path) {
            return;
        }
        let inode = self.nodes.len();
        self.nodes.push(if is_dir { Node::Dir(Vec::new()) } else { Node::File(Vec::new()) });
        self.names.insert(path.to_path_buf(), inode);
        self.change_name(path, NameChange::Make(name_of(path), inode), when);
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path, when: (Moment, Moment)) {
        assert_eq!(from.parent(), to.parent(), "no rename leaves its directory");
        let inode = self.names[from];
        let below: Vec<_> =
            self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in below {
            let inode = self.names.remove(&path).expect("just listed");
            let rest = path.strip_prefix(from).expect("starts with it");
            let renamed = if rest.as_os_str().is_empty() { to.into() } else { to.join(rest) };
            self.names.insert(renamed, inode);
        }
        self.change_name(to, NameChange::Rename(name_of(from), name_of(to), inode), when);
    }

    pub(crate) fn remove(&mut self, path: &Path, when: (Moment, Moment)) {
        self.names.remove(path).unwrap_or_else(|| panic!("{} is not there", path.display()));
        self.change_name(path, NameChange::Remove(name_of(path)), when);
    }

    pub(crate) fn write(&mut self, path: &Path, at: usize, bytes: Vec<u8>, when: (Moment, Moment)) {
        self.change_file(path, FileChange::Write { at, bytes }, when);
    }

    pub(crate) fn set_len(&mut self, path: &Path, bytes: usize, when: (Moment, Moment)) {
        self.change_file(path, FileChange::SetLen(bytes), when);
    }

    /// Bytes of a file by now, if nothing is ever lost.
    pub(crate) fn file_len(&self, path: &Path) -> usize {
        let Node::File(changes) = &self.nodes[self.names[path]] else { panic!("a file") };
        changes.iter().fold(0, |bytes, change| match &change.what {
            FileChange::Write { at, bytes: written } => bytes.max(at + written.len()),
            FileChange::SetLen(bytes) => *bytes,
        })
    }

    /// A flush of a file or a directory: what had returned when it began is durable.
    pub(crate) fn flush(&mut self, path: &Path, (began, returned): (Moment, Moment)) {
        // A file that was removed meanwhile has nothing to save.
        let Some(&inode) = self.names.get(path) else { return };
        self.flushes += 1;
        match &mut self.nodes[inode] {
            Node::File(changes) => settle(changes, began, returned),
            Node::Dir(changes) => settle(changes, began, returned),
        }
    }

    /// A disk that never did what it was told: for seeing that this is noticed.
    pub(crate) fn forget_flushes(&mut self) {
        for node in &mut self.nodes {
            match node {
                Node::File(changes) => changes.iter_mut().for_each(|c| c.durable = None),
                Node::Dir(changes) => changes.iter_mut().for_each(|c| c.durable = Some(c.began)),
            }
        }
    }

    /// Changes of files and names that were recorded.
    pub(crate) fn operations(&self) -> usize {
        let count = |node: &Node| match node {
            Node::File(changes) => changes.len(),
            Node::Dir(changes) => changes.len(),
        };
        self.nodes.iter().map(count).sum()
    }

    /// Flushes that were recorded.
    pub(crate) fn flushes(&self) -> usize {
        self.flushes
    }

    /// Writes the disk that a cut at this moment leaves, below a directory that is not there yet.
    pub(crate) fn write_image(&self, to: &Path, cut: Moment, loss: Loss, random: &mut Random) {
        self.write_dir(ROOT, to, cut, loss, random);
    }

    fn write_dir(&self, dir: Inode, to: &Path, cut: Moment, loss: Loss, random: &mut Random) {
        let Node::Dir(changes) = &self.nodes[dir] else { panic!("a directory") };
        let mut names: BTreeMap<&str, Inode> = BTreeMap::new();
        for change in survivors(changes, cut, loss, random) {
            match change {
                NameChange::Make(name, inode) => {
                    names.insert(name, *inode);
                }
                NameChange::Rename(from, name, inode) => {
                    names.remove(from.as_str());
                    names.insert(name, *inode);
                }
                NameChange::Remove(name) => {
                    names.remove(name.as_str());
                }
            }
        }
        fs::create_dir_all(to).unwrap();
        for (name, inode) in names {
            let path = to.join(name);
            match &self.nodes[inode] {
                Node::Dir(_) => self.write_dir(inode, &path, cut, loss, random),
                Node::File(changes) => {
                    fs::write(path, file_bytes(changes, cut, loss, random)).unwrap();
                }
            }
        }
    }

    fn change_name(&mut self, path: &Path, what: NameChange, (began, returned): (Moment, Moment)) {
        let parent = path.parent().expect("nothing happens to the root");
        let Node::Dir(changes) = &mut self.nodes[self.names[parent]] else { panic!("a directory") };
        changes.push(Done { what, began, returned, durable: None });
    }

    fn change_file(&mut self, path: &Path, what: FileChange, (began, returned): (Moment, Moment)) {
        let Node::File(changes) = &mut self.nodes[self.names[path]] else { panic!("a file") };
        changes.push(Done { what, began, returned, durable: None });
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("a name").to_str().expect("plain names").to_owned()
}

fn settle<T>(changes: &mut [Done<T>], began: Moment, returned: Moment) {
    let open = changes.iter_mut().filter(|change| change.durable.is_none());
    open.filter(|change| change.returned < began).for_each(|c| c.durable = Some(returned));
}

/// The changes of names that are on the disk after a cut, in the order in which they were made.
fn survivors<'a>(
    changes: &'a [Done<NameChange>],
    cut: Moment,
    loss: Loss,
    random: &mut Random,
) -> Vec<&'a NameChange> {
    changes
        .iter()
        .filter(|change| change.began <= cut)
        .filter(|change| is_durable(change, cut) || loss.keeps(random))
        .map(|change| &change.what)
        .collect()
}

fn is_durable<T>(change: &Done<T>, cut: Moment) -> bool {
    change.durable.is_some_and(|durable| durable <= cut)
}

fn file_bytes(
    changes: &[Done<FileChange>],
    cut: Moment,
    loss: Loss,
    random: &mut Random,
) -> Vec<u8> {
    let mut content = Vec::new();
    for change in changes.iter().filter(|change| change.began <= cut) {
        let is_durable = is_durable(change, cut);
        if !is_durable && !loss.keeps(random) {
            continue;
        }
        match &change.what {
            FileChange::SetLen(bytes) => content.resize(*bytes, 0),
            FileChange::Write { at, bytes } if is_durable || loss != Loss::Torn => {
                put(&mut content, *at, bytes);
            }
            FileChange::Write { at, bytes } => tear(&mut content, *at, bytes, random),
        }
    }
    content
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// Writes some of the sectors that a write touches: the first few, or any.
fn tear(content: &mut Vec<u8>, at: usize, bytes: &[u8], random: &mut Random) {
    let sectors = (at + bytes.len()).div_ceil(SECTOR_BYTES) - at / SECTOR_BYTES;
    let first_few = (random.below(2) == 0).then(|| random.below(sectors + 1));
    for sector in 0..sectors {
        let keeps = first_few.map_or_else(|| random.below(2) == 0, |few| sector < few);
        let from = ((at / SECTOR_BYTES + sector) * SECTOR_BYTES).max(at);
        let to = ((at / SECTOR_BYTES + sector + 1) * SECTOR_BYTES).min(at + bytes.len());
        if keeps {
            put(content, from, &bytes[from - at..to - at]);
        }
    }
}
