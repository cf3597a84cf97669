//! Sealing and opening contacts, and forgetting a buyer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;

fn open(dir: &Path) -> Keyring {
    Keyring::open(dir.join("keys")).unwrap().0
}

fn key_path(dir: &Path) -> PathBuf {
    dir.join("keys").join("buyers.keys")
}

#[test]
fn a_sealed_text_opens_for_its_buyer_only_and_unchanged_only() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = open(dir.path());
    let sealed = keyring.seal(7, b"Ada, +44 20 7946 0000").unwrap();
    assert_eq!(sealed.len(), 21 + SEAL_OVERHEAD_BYTES);
    assert!(!sealed.windows(3).any(|window| window == b"Ada"));
    assert_ne!(sealed, keyring.seal(7, b"Ada, +44 20 7946 0000").unwrap(), "a nonce each");
    assert_eq!(keyring.open_sealed(7, &sealed).unwrap(), b"Ada, +44 20 7946 0000");
    keyring.seal(8, b"").unwrap();
    assert_eq!(keyring.open_sealed(8, &sealed), None);
    assert_eq!(keyring.open_sealed(9, &sealed), None);
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keyring.open_sealed(7, &flipped), None, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(keyring.open_sealed(7, &sealed[..length]), None, "cut at {length}");
    }
}

#[test]
fn keys_outlive_the_process_and_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let sealed = open(dir.path()).seal(7, b"text").unwrap();
    let (keyring, report) = Keyring::open(dir.path().join("keys")).unwrap();
    assert_eq!(report, KeyringReport { keys: 1, cut_bytes: 0 });
    assert_eq!(keyring.open_sealed(7, &sealed).unwrap(), b"text");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir.path().join("keys")), mode(&key_path(dir.path()))), (0o700, 0o600));
    assert!(matches!(Keyring::open(dir.path().join("keys")), Err(KeyError::InUse(_))));
}

#[test]
fn a_destroyed_key_is_gone_from_memory_and_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = open(dir.path());
    let sealed: Vec<_> = (0..5).map(|buyer| keyring.seal(buyer, b"text").unwrap()).collect();
    let before = fs::read(key_path(dir.path())).unwrap();
    let held = fs::File::open(key_path(dir.path())).unwrap();
    assert_eq!(keyring.destroy(&[1, 3, 77]).unwrap(), 2);
    let opens = |keyring: &Keyring| -> Vec<_> {
        (0..5).map(|buyer| keyring.open_sealed(buyer, &sealed[buyer as usize]).is_some()).collect()
    };
    let expected = [true, false, true, false, true];
    assert_eq!(opens(&keyring), expected);
    // The file that held the keys, which is still open here, was overwritten.
    let mut old = Vec::new();
    std::io::Read::read_to_end(&mut &held, &mut old).unwrap();
    assert_eq!(old, vec![0; before.len()]);
    // A buyer who comes back gets another key, and the old texts stay shut.
    let again = keyring.seal(3, b"again").unwrap();
    assert_eq!(opens(&keyring), expected);
    drop(keyring);
    let keyring = open(dir.path());
    assert_eq!(opens(&keyring), expected);
    assert_eq!(keyring.open_sealed(3, &again).unwrap(), b"again");
    assert_eq!(keyring.key_count(), 4);
}

#[test]
fn an_unfinished_group_is_cut_and_damage_before_others_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = open(dir.path());
    let first = keyring.seal(1, b"one").unwrap();
    let whole = fs::metadata(key_path(dir.path())).unwrap().len();
    keyring.seal(2, b"two").unwrap();
    drop(keyring);
    let bytes = fs::read(key_path(dir.path())).unwrap();
    for length in usize::try_from(whole).unwrap()..bytes.len() {
        fs::write(key_path(dir.path()), &bytes[..length]).unwrap();
        let (keyring, report) = Keyring::open(dir.path().join("keys")).unwrap();
        assert_eq!(report, KeyringReport { keys: 1, cut_bytes: length as u64 - whole });
        assert_eq!(keyring.open_sealed(1, &first).unwrap(), b"one");
    }
    for at in 8..usize::try_from(whole).unwrap() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        fs::write(key_path(dir.path()), flipped).unwrap();
        let opened = Keyring::open(dir.path().join("keys"));
        assert!(matches!(opened, Err(KeyError::Damaged { offset: 8, .. })), "byte {at}");
    }
    fs::write(key_path(dir.path()), b"").unwrap();
    let opened = Keyring::open(dir.path().join("keys"));
    assert!(matches!(opened, Err(KeyError::Damaged { offset: 0, .. })));
}

#[test]
fn many_new_buyers_share_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = open(dir.path());
    let (reply, answers) = mpsc::channel();
    for buyer in 0..5_000_u128 {
        let reply = reply.clone();
        // Each buyer asks twice, as two shows would.
        keyring.prepare(buyer / 2, move |result| reply.send(result.is_ok()).unwrap()).unwrap();
    }
    for _ in 0..5_000 {
        assert!(answers.recv_timeout(Duration::from_secs(20)).unwrap());
    }
    assert_eq!(keyring.key_count(), 2_500);
    let (reply, answers) = mpsc::channel();
    keyring.prepare(1, move |result| reply.send(result.is_ok()).unwrap()).unwrap();
    assert!(answers.try_recv().unwrap(), "a known buyer does not wait");
    // Groups, and not a flush for each: a group costs 20 bytes beside its keys.
    let bytes = fs::metadata(key_path(dir.path())).unwrap().len();
    let groups = (bytes - 8 - 2_500 * 48) / 20;
    assert!(groups < 1_250, "{groups} groups");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let keyring = &keyring;
            scope.spawn(move || {
                for buyer in 0..50 {
                    let sealed = keyring.seal(10_000 + buyer, &[thread]).unwrap();
                    assert_eq!(keyring.open_sealed(10_000 + buyer, &sealed).unwrap(), [thread]);
                }
            });
        }
    });
    assert_eq!(keyring.key_count(), 2_550);
}
