//! From what `strace` wrote down to what was done to a disk, and what was promised when.
//!
//! Each line is a moment. A call that another thread interrupts in the trace begins where its line
//! breaks off and returns where it is resumed; the arguments are whole in the first part, since
//! all that we follow are read by the kernel.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::child::DIR;
use crate::disk::{Disk, Moment};
use crate::judge::Promises;

const CALLS: &str = "trace=openat,write,pwrite64,pwritev,writev,ftruncate,fallocate,fsync,fdatasync,\
                     sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,\
                     lseek,mmap,copy_file_range,sendfile,link,linkat,symlink";

/// What a recorded process promised, and the moments at which a cut may fall.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Every moment at which something had just begun or returned.
    pub(crate) moments: Vec<Moment>,
    pub(crate) rotations: u64,
    pub(crate) snapshots: u64,
    pub(crate) starts: u64,
    acknowledged: Vec<(Moment, u64)>,
    covered: Vec<(Moment, u64)>,
}

impl Recording {
    /// What had been promised when the power went.
    pub(crate) fn promises_at(&self, cut: Moment) -> Promises {
        let last = |made: &[(Moment, u64)]| {
            made.iter().filter(|(at, _)| *at <= cut).map(|(_, seq)| *seq).max().unwrap_or(0)
        };
        Promises { acknowledged: last(&self.acknowledged), snapshot: last(&self.covered) }
    }

    /// Promises that had been made before this recording began.
    pub(crate) fn inherit(&mut self, before: &Promises) {
        self.acknowledged.push((Moment::START, before.acknowledged));
        self.covered.push((Moment::START, before.snapshot));
    }

    pub(crate) fn acknowledgements(&self) -> usize {
        self.acknowledged.len()
    }

    fn heard(&mut self, at: Moment, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for line in text.lines() {
            // The test harness writes to the same place.
            let mut words = line.split(' ').rev();
            let (Some(seq), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(seq) = seq.parse() else { continue };
            match what {
                "acknowledged" => self.acknowledged.push((at, seq)),
                "snapshot" => {
                    self.covered.push((at, seq));
                    self.snapshots += 1;
                }
                "rotated" => self.rotations += 1,
                "started" => self.starts += 1,
                _ => {}
            }
        }
    }
}

/// Runs an ignored test of this binary under `strace`.
pub(crate) fn run(task: &str, dir: &Path, trace: &Path) {
    let status = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "4194304", "-e", CALLS, "-o"])
        .arg(trace)
        .arg(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", &format!("child::{task}"), "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .status()
        .expect("install strace: without it nothing is recorded");
    assert!(status.success(), "{task} failed: {status}");
}

/// A call, taken apart.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    when: (Moment, Moment),
    /// As it was printed: the result, and behind `<` the path of a descriptor.
    result: &'a str,
}

/// Reads a trace of what was done below `dir`, on top of what was on the disk before.
pub(crate) fn read(trace: &Path, dir: &Path, mut disk: Disk) -> (Disk, Recording) {
    let text = fs::read_to_string(trace).unwrap();
    let dir = fs::canonicalize(dir).unwrap();
    let mut recording = Recording::default();
    let mut places = HashMap::new();
    for call in calls(&text) {
        apply(&call, &dir, &mut disk, &mut recording, &mut places);
    }
    recording.moments.sort_unstable();
    recording.moments.dedup();
    (disk, recording)
}

/// All calls that worked, in the order in which they returned.
fn calls(text: &str) -> Vec<Call<'_>> {
    let mut begun: HashMap<&str, (Moment, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, at) in text.lines().zip((1..).map(Moment)) {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (at, head));
        } else if rest.starts_with("<... ") {
            let Some((began, head)) = begun.remove(process) else { continue };
            let Some((_, result)) = rest.rsplit_once(" = ") else { continue };
            calls.extend(call(head, result, (began, at)));
        } else if let Some((head, result)) = rest.rsplit_once(" = ") {
            calls.extend(call(head, result, (at, at)));
        }
    }
    calls
}

fn call<'a>(head: &'a str, result: &'a str, when: (Moment, Moment)) -> Option<Call<'a>> {
    let (name, arguments) = head.split_once('(')?;
    let arguments = arguments.trim_end().trim_end_matches(')');
    let failed = result.starts_with('-') || result.starts_with('?');
    (!failed).then(|| Call { name, arguments: arguments.split(", ").collect(), when, result })
}

/// Where the next `write` to a file goes.
enum WritesAt {
    Offset(usize),
    /// The file was opened with `O_APPEND`. All other writes to such a file name their offset.
    End,
}

/// Carries out one call on the model.
fn apply(
    call: &Call<'_>,
    dir: &Path,
    disk: &mut Disk,
    recording: &mut Recording,
    places: &mut HashMap<PathBuf, WritesAt>,
) {
    let when = call.when;
    let arguments = &call.arguments;
    let below = |path: PathBuf| path.strip_prefix(dir).map(Path::to_path_buf).ok();
    if call.name == "write" && arguments[0].starts_with("1<") {
        recording.heard(when.0, &unescape(arguments[1]));
        return;
    }
    let Some(path) = target(call).and_then(below) else { return };
    match call.name {
        "openat" => {
            let is_dir = arguments[2].contains("O_DIRECTORY");
            if arguments[2].contains("O_CREAT") && !is_dir {
                disk.make(&path, false, when);
            }
            if arguments[2].contains("O_TRUNC") && disk.file_len(&path) > 0 {
                disk.set_len(&path, 0, when);
            }
            let is_appended = arguments[2].contains("O_APPEND");
            let at = if is_appended { WritesAt::End } else { WritesAt::Offset(0) };
            places.insert(path, at);
            return flagged(recording, when);
        }
        "mkdir" | "mkdirat" => disk.make(&path, true, when),
        "rename" | "renameat" | "renameat2" => {
            let to = resolve(arguments, if call.name == "rename" { 1 } else { 2 });
            let to = below(to).expect("no rename leaves the directory");
            disk.rename(&path, &to, when);
        }
        "unlink" | "unlinkat" | "rmdir" => disk.remove(&path, when),
        "write" => {
            let bytes = unescape(arguments[1]);
            let from = match places.entry(path.clone()).or_insert(WritesAt::Offset(0)) {
                WritesAt::Offset(at) => std::mem::replace(at, *at + bytes.len()),
                WritesAt::End => disk.file_len(&path),
            };
            assert_eq!(number(call.result), bytes.len(), "a short write is not modelled");
            disk.write(&path, from, bytes, when);
        }
        "pwrite64" => {
            let bytes = unescape(arguments[1]);
            assert_eq!(number(call.result), bytes.len(), "a short write is not modelled");
            disk.write(&path, number(arguments[3]), bytes, when);
        }
        "ftruncate" => disk.set_len(&path, number(arguments[1]), when),
        "fsync" | "fdatasync" => disk.flush(&path, when),
        // Neither changes anything that outlives a cut.
        "sync_file_range" => return,
        // Only reading: the model follows every file that is written by offset or from its start.
        "lseek" => {
            places.insert(path, WritesAt::Offset(number(call.result)));
            return;
        }
        "mmap" if !arguments[2].contains("PROT_WRITE") => return,
        other => panic!("{other} is not modelled: {arguments:?}"),
    }
    flagged(recording, when);
}

fn flagged(recording: &mut Recording, (began, returned): (Moment, Moment)) {
    recording.moments.extend([began, returned]);
}

/// The file or directory that a call works on.
fn target(call: &Call<'_>) -> Option<PathBuf> {
    match call.name {
        "openat" | "mkdirat" | "unlinkat" | "renameat" | "renameat2" => {
            Some(resolve(&call.arguments, 0))
        }
        "mkdir" | "rename" | "unlink" | "rmdir" => Some(resolve(&call.arguments, 0)),
        "mmap" => descriptor_path(call.arguments.get(4)?),
        _ => descriptor_path(call.arguments.first()?),
    }
}

/// A path that is given as a string, or as a directory's descriptor and a string.
fn resolve(arguments: &[&str], at: usize) -> PathBuf {
    let text = |argument: &str| PathBuf::from(String::from_utf8(unescape(argument)).unwrap());
    if arguments[at].starts_with('"') {
        return text(arguments[at]);
    }
    let dir = descriptor_path(arguments[at]).expect("a directory's descriptor");
    dir.join(text(arguments[at + 1]))
}

/// The path in `7<\x2f…>`.
fn descriptor_path(argument: &str) -> Option<PathBuf> {
    let (_, path) = argument.split_once('<')?;
    let path = String::from_utf8(unescape(path.split_once('>')?.0)).ok()?;
    Some(PathBuf::from(path))
}

/// The bytes in `"\x41\x42"`, with or without the quotes.
fn unescape(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "the recorder has cut a string short");
    let digits = text.trim_matches('"').as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks_exact(4).map(|byte| nibble(byte[2]) << 4 | nibble(byte[3])).collect()
}

fn number(text: &str) -> usize {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("a number: {text}"))
}
