//! Signatures of payment callbacks: HMAC-SHA-256 in lower-case hex over
//! [`CallbackRequest::signed_text`].

use crate::config::secrets::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use usher_wire::{CallbackRequest, PaymentStatus};

/// A callback with its signature.
pub fn signed(
    secret: &Secret,
    payment_id: String,
    order_id: String,
    status: PaymentStatus,
    amount_cents: u64,
) -> CallbackRequest {
    let text = CallbackRequest::signed_text(&payment_id, &order_id, status, amount_cents);
    let signature = data_encoding::HEXLOWER.encode(&mac(secret, &text).finalize().into_bytes());
    CallbackRequest { payment_id, order_id, status, amount_cents, signature }
}

/// Whether a callback's signature covers what it says, compared in constant time.
pub fn is_authentic(secret: &Secret, callback: &CallbackRequest) -> bool {
    let text = CallbackRequest::signed_text(
        &callback.payment_id,
        &callback.order_id,
        callback.status,
        callback.amount_cents,
    );
    let signature = data_encoding::HEXLOWER.decode(callback.signature.as_bytes());
    signature.is_ok_and(|bytes| mac(secret, &text).verify_slice(&bytes).is_ok())
}

fn mac(secret: &Secret, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_every_field() {
        let secret = Secret::new("a secret of the provider");
        let good = signed(&secret, "p_1".into(), "o_1".into(), PaymentStatus::Success, 4_200);
        // Made with `printf 'p_1\no_1\nSUCCESS\n4200' | openssl dgst -sha256 -hmac SECRET`.
        assert_eq!(
            good.signature,
            "5e385bea65d31e6c64284d09dde38d2cb4aacf34722e410e58c552159db25968"
        );
        assert!(is_authentic(&secret, &good));
        assert!(!is_authentic(&Secret::new("another secret of it"), &good));
        let changes: [fn(&mut CallbackRequest); 7] = [
            |c| c.payment_id.push('x'),
            |c| c.order_id.push('x'),
            |c| c.status = PaymentStatus::Failed,
            |c| c.amount_cents += 1,
            |c| c.signature.clear(),
            |c| c.signature.make_ascii_uppercase(),
            |c| c.signature = "ü".repeat(32),
        ];
        for change in changes {
            let mut forged = good.clone();
            change(&mut forged);
            assert!(!is_authentic(&secret, &forged), "{forged:?}");
        }
    }
}
