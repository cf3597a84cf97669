//! What is struck: data directories as they lie after an orderly end, a kill, or a power cut.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, Loss, Moment, Random};
use crate::judge::Promises;
use crate::trace::Recording;

/// How the process ended that left a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BaseKind {
    /// In good order.
    Closed,
    /// It was killed: everything that it wrote is there.
    Killed,
    /// With the power: what was not flushed is there or not, whole or torn.
    PowerCut,
}

impl BaseKind {
    const ALL: [Self; 3] = [Self::Closed, Self::Killed, Self::PowerCut];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Killed => "killed",
            Self::PowerCut => "power cut",
        }
    }
}

/// A directory that opens whole, and what was promised by whoever left it.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) data: PathBuf,
    pub(crate) kind: BaseKind,
    pub(crate) promises: Promises,
}

impl Base {
    /// Writes `count` bases of a recording below `dir`: a third closed or killed, the rest cut.
    pub(crate) fn write_all(dir: &Path, count: usize, seed: u64, disk: &Disk, run: &Recording) {
        let sold: Vec<Moment> =
            run.moments.iter().copied().filter(|at| promised(run, *at)).collect();
        for n in 0..count {
            let mut random = Random::new(seed ^ 0xBA5E_0000_0000 ^ n as u64);
            let somewhere = sold[random.below(sold.len())];
            let losses = &Loss::ALL[1..];
            let (kind, cut, loss) = match n % 6 {
                0 => (BaseKind::Closed, Moment::END, Loss::Nothing),
                1 => (BaseKind::Killed, somewhere, Loss::Nothing),
                _ => (BaseKind::PowerCut, somewhere, losses[random.below(losses.len())]),
            };
            let base = dir.join(format!("{n:05}"));
            disk.write_image(&base.join("data"), cut, loss, &mut random);
            let Promises { acknowledged, snapshot } = run.promises_at(cut);
            let kind = kind.name();
            fs::write(base.join("promises"), format!("{kind}|{acknowledged}|{snapshot}")).unwrap();
        }
    }

    /// All bases below a directory.
    pub(crate) fn all(dir: &Path) -> Vec<Self> {
        let mut dirs: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        dirs.sort();
        dirs.iter().map(|dir| Self::read(dir)).collect()
    }

    fn read(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join("promises")).unwrap();
        let [kind, acknowledged, snapshot] = text.split('|').collect::<Vec<_>>()[..] else {
            panic!("three fields: {text}")
        };
        let kind = BaseKind::ALL.into_iter().find(|known| known.name() == kind).expect("a kind");
        let promises = Promises {
            acknowledged: acknowledged.parse().unwrap(),
            snapshot: snapshot.parse().unwrap(),
        };
        Self { data: dir.join("data"), kind, promises }
    }
}

fn promised(run: &Recording, at: Moment) -> bool {
    run.promises_at(at).acknowledged > 0
}

/// All files below a directory that have any content, in a fixed order.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            files.push(path);
        }
    }
    files.sort();
    files
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
