//! What is read of the sale when it is over: signed tickets, keys, and the operators' pages.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::Signer;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use usher_wire::SeatStatus;

use super::{Answer, Sale};

impl Sale {
    pub(super) fn ticket(&mut self, code: &str) -> Answer {
        let Some(ticket) = self.tickets.iter().find(|ticket| ticket.code == code) else {
            return Answer::problem(404, "NOT_FOUND");
        };
        let mut body = vec![1];
        body.extend(self.key_id());
        for field in ["s", code] {
            body.push(u8::try_from(field.len()).expect("short"));
            body.extend(field.as_bytes());
        }
        body.push(if ticket.is_seat { b'S' } else { b'G' });
        body.push(u8::try_from(ticket.place.len()).expect("short"));
        body.extend(ticket.place.as_bytes());
        body.extend([0; 8 + 16]);
        let signature = self.key.sign(&body);
        body.extend(signature.to_bytes());
        let kind = if ticket.is_seat { "seatId" } else { "stock" };
        let json = json!({
            "ticketCode": code, "showId": "s", "orderId": ticket.order, kind: ticket.place,
            "status": "VALID", "issuedAt": Timestamp::now(),
            "payload": BASE64URL_NOPAD.encode(&body),
        });
        if self.faults.forgets_an_order {
            self.faults.forgets_an_order = false;
            let order = ticket.order.clone();
            self.orders.remove(&order);
        }
        Answer::json(200, &json)
    }

    pub(super) fn keys(&self) -> Answer {
        let x = BASE64URL_NOPAD.encode(self.key.verifying_key().as_bytes());
        let kid = HEXLOWER.encode(&self.key_id());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": kid, "x": x });
        Answer::json(200, &json!({ "keys": [key] }))
    }

    pub(super) fn audit(&self) -> Answer {
        let sold = self.tickets.len();
        let stock_sold = self.tickets.iter().filter(|ticket| !ticket.is_seat).count();
        let counts = json!({
            "capacity": self.seats.len() + self.stock as usize,
            "available": self.count(SeatStatus::Available) + (self.stock - self.stock_out) as usize,
            "held": self.count(SeatStatus::Held) + self.stock_out as usize - stock_sold,
            "sold": self.count(SeatStatus::Sold) + stock_sold,
            "blocked": 0, "inTransit": 0, "ticketsIssued": sold,
        });
        let mut audit = counts.clone();
        let more = json!({ "showId": "s", "ok": true, "atSequence": 1, "doubleSold": [],
            "paidWithoutTicket": [], "live": counts });
        audit.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        Answer::json(200, &audit)
    }

    pub(super) fn status(&self) -> Answer {
        let stock_sold = self.tickets.iter().filter(|ticket| !ticket.is_seat).count();
        let inventory = |name: &str, sold: usize| {
            let counts = json!({ "capacity": 0, "available": 0, "held": 0, "sold": sold,
                "blocked": 0, "inTransit": 0, "ticketsIssued": sold });
            json!({ "name": name, "partition": 0, "shard": 0, "counts": counts })
        };
        let seats = inventory("seats", self.count(SeatStatus::Sold));
        let status = json!({ "showId": "s", "saleState": "OPEN", "pausedByOrganiser": false,
            "pausedByOperator": false, "version": self.version,
            "inventories": [seats, inventory("Standing/0", stock_sold)] });
        Answer::json(200, &status)
    }

    fn key_id(&self) -> [u8; 8] {
        let digest = Sha256::digest(self.key.verifying_key().as_bytes());
        digest[..8].try_into().expect("eight bytes")
    }
}
