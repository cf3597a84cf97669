//! Tickets that anybody can verify and nobody can forge.
//!
//! ```text
//!   payload.rs  what a QR code says, byte for byte (docs/TICKETS.md is the same for readers)
//!   signer.rs   who signs: a trait, and a key in a file
//!   keys.rs     which keys verify, now and from before, and the JWK set
//!   qr.rs       the code as SVG and PNG
//! ```
//!
//! The signature says that we issued the ticket; whether it still admits is its owner's to say.

pub mod keys;
pub mod payload;
pub mod qr;
pub mod signer;

pub use keys::TicketKeys;
pub use payload::{Admission, TicketBody};
pub use signer::{FileSigner, SignError, Signer};
