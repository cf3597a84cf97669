"""The clients of scripts/torture that usher-loadgen is too well-behaved for.

  clients.py idle URL COUNT            opens COUNT connections and says nothing until stdin ends
  clients.py watch URL SHOW SECONDS [WRITERS]
                                       reads and writes on kept connections; prints figures as JSON
  clients.py promise URL SHOW FILE HOLD_SECONDS
                                       makes holds, orders and payments, and writes them down
  clients.py collect URL FILE          asks whether each promise was kept; prints figures as JSON
  clients.py hostile URL SHOW SECONDS  slow, huge, broken and greedy clients; prints figures as JSON

Exits with 1 and says why where an expectation is not met. Needs Python's own library only.
"""

import concurrent.futures
import gzip
import http.client
import json
import random
import socket
import sys
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from datetime import datetime, timedelta, timezone

JSON = {"Content-Type": "application/json"}


def require(met, what):
    """Ends the program where an expectation is not met."""
    if not met:
        sys.exit(f"not met: {what}")


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def tell(figures):
    print(json.dumps(figures))


class Caller:
    """One kept connection; answers as (status, headers, JSON or None), status 0 for none."""

    def __init__(self, url, timeout_s=30):
        self.connection = http.client.HTTPConnection(*address(url), timeout=timeout_s)

    def call(self, method, path, body=None, key=None):
        headers = dict(JSON) if body is not None else {}
        if key:
            headers["Idempotency-Key"] = key
        text = json.dumps(body) if body is not None else None
        try:
            self.connection.request(method, path, text, headers)
            answer = self.connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return 0, {}, None
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, dict(answer.getheaders()), json.loads(raw) if is_json else None

    def until_done(self, method, path, body=None, key=None, patience_s=60):
        """Repeats what is lost, 503 or 504, with the same key, as buyers should."""
        end = time.monotonic() + patience_s
        while True:
            answer = self.call(method, path, body, key)
            if answer[0] not in (0, 429, 503, 504) or time.monotonic() > end:
                return answer
            time.sleep(0.2)


# --- idle ---------------------------------------------------------------------------------------


def idle(url, count):
    kept = []
    for _ in range(int(count)):
        try:
            kept.append(socket.create_connection(address(url), timeout=5))
        except OSError:
            break
    print(len(kept), flush=True)
    sys.stdin.read()


# --- watch --------------------------------------------------------------------------------------


class Tally:
    """Answers by status, and how long they took."""

    def __init__(self):
        self.lock = threading.Lock()
        self.by_status = {}
        self.without_retry_after = 0

    def note(self, status, headers, took_s):
        with self.lock:
            self.by_status.setdefault(status, []).append(took_s)
            says_when = "retry-after" in map(str.lower, headers)
            self.without_retry_after += status == 503 and not says_when

    def figures(self):
        def of(times):
            times.sort()
            at = lambda share: round(1000 * times[min(len(times) - 1, int(share * len(times)))])
            return {"count": len(times), "p50Ms": at(0.5), "p99Ms": at(0.99), "maxMs": at(1)}

        figures = {str(status): of(times) for status, times in sorted(self.by_status.items())}
        return figures | {"withoutRetryAfter": self.without_retry_after}


def watch(url, show, seconds, writers="1"):
    """One reader and some writers, each on its own connection, one request after the other."""
    end = time.monotonic() + float(seconds)
    reads, writes = Tally(), Tally()

    def run(tally, make):
        caller = Caller(url)
        while time.monotonic() < end:
            begun = time.monotonic()
            status, headers, _ = make(caller)
            tally.note(status, headers, time.monotonic() - begun)
            time.sleep(0.01 if status else 0.1)

    def read(caller):
        return caller.call("GET", f"/api/v1/shows/{show}")

    def write(caller):
        return caller.call("POST", f"/api/v1/shows/{show}/holds", a_ticket(2))

    threads = [threading.Thread(target=run, args=(reads, read))]
    threads += [threading.Thread(target=run, args=(writes, write)) for _ in range(int(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell({"reads": reads.figures(), "writes": writes.figures()})


def a_ticket(hold_seconds):
    user = f"watch-{uuid.uuid4().hex}"
    stock = {"name": "standing", "quantity": 1}
    return {"userId": user, "holdSeconds": hold_seconds, "stock": stock}


# --- promises -----------------------------------------------------------------------------------

EACH = 8


def promise(url, show, path, hold_seconds):
    """Holds that end soon, holds that live long, and orders whose payment has begun."""
    caller = Caller(url)

    def held(seconds):
        body = a_ticket(seconds)
        status, _, hold = caller.until_done(
            "POST", f"/api/v1/shows/{show}/holds", body, uuid.uuid4().hex
        )
        require(status == 201, f"a hold, not {status} {hold}")
        return hold | {"userId": body["userId"]}

    def paying(hold):
        status, _, order = order_for(caller, hold)
        require(status == 201, f"an order, not {status} {order}")
        status, _, payment = caller.until_done(
            "POST", f"/api/v1/orders/{order['orderId']}/pay", {}, uuid.uuid4().hex
        )
        require(status in (200, 201), f"a payment, not {status} {payment}")
        _, _, order = caller.until_done("GET", f"/api/v1/orders/{order['orderId']}")
        return {"order": order, "payment": payment}

    promised = {
        "long": [held(100) for _ in range(EACH)],
        "paying": [paying(held(100)) for _ in range(EACH)],
        "short": [held(int(hold_seconds)) for _ in range(EACH)],
    }
    with open(path, "w") as file:
        json.dump(promised, file)


def order_for(caller, hold):
    body = {"holdId": hold["holdId"], "userId": hold["userId"], "contact": {"name": "Ada Lovelace"}}
    return caller.until_done("POST", "/api/v1/orders", body, f"order-{hold['holdId']}")


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def collect(url, path):
    """Every promise, asked about after the fault. Must be started as soon as the fault is over."""
    with open(path) as file:
        promised = json.load(file)
    begun = datetime.now(timezone.utc)
    words = ("inTime", "late", "ticketed", "refunded", "ordered", "expired")
    figures = Counter({word: 0 for word in words})
    checks = [(late_payment, one) for one in promised["paying"]]
    checks += [(late_hold, hold) for hold in promised["short"]]
    checks += [(long_hold, hold) for hold in promised["long"]]
    with concurrent.futures.ThreadPoolExecutor(len(checks)) as pool:
        for words in pool.map(lambda check: check[0](Caller(url), check[1], begun), checks):
            figures.update(words)
    tell(figures)


def long_hold(caller, hold, _begun):
    """A hold that has time left is there."""
    _, _, now = caller.until_done("GET", f"/api/v1/holds/{hold['holdId']}")
    require(now and now["status"] == "ACTIVE", f"ACTIVE until {hold['expiryTime']}, not {now}")
    return []


def late_hold(caller, hold, _begun):
    """An order for a hold whose time is about over: either way, but only one way."""
    status, _, order = order_for(caller, hold)
    # Whoever was answered by then asked in time.
    in_time = datetime.now(timezone.utc) < moment(hold["expiryTime"])
    word = "inTime" if in_time else "late"
    _, _, now = caller.until_done("GET", f"/api/v1/holds/{hold['holdId']}")
    if status == 201:
        require(now["status"] == "CONFIRMED", f"an order was made and the hold is {now}")
        _, _, again = caller.until_done("GET", f"/api/v1/orders/{order['orderId']}")
        require(again and again["status"] == "PENDING_PAY", f"an order was made and it is {again}")
        return [word, "ordered"]
    require(status in (409, 410), f"an order or a reason, not {status} {order}")
    require(now["status"] == "EXPIRED", f"no order was made and the hold is {now}")
    require(not in_time, f"refused before {hold['expiryTime']}: {order}")
    return [word, "expired"]


def late_payment(caller, one, begun):
    """A payment that came after the fault has one outcome, and tickets where it was in time."""
    caller.until_done("POST", f"/sandbox/payments/{one['payment']['paymentId']}/succeed")
    # With a second for the way.
    in_time = begun + timedelta(seconds=1) < moment(one["order"]["payBy"])
    path = f"/api/v1/orders/{one['order']['orderId']}"
    end = time.monotonic() + 30
    while True:
        _, _, order = caller.until_done("GET", path)
        status = order["status"] if order else None
        if status in ("TICKETED", "REFUND_PENDING", "REFUNDED"):
            break
        require(time.monotonic() < end, f"{path} was paid and is {status}")
        time.sleep(0.1)
    require(status == "TICKETED" or not in_time, f"paid before {one['order']['payBy']}: {status}")
    require(status != "TICKETED" or order["tickets"], f"{path} is ticketed without tickets")
    return ["ticketed" if status == "TICKETED" else "refunded"]


# --- hostile ------------------------------------------------------------------------------------

HEAD = b"POST /api/v1/shows/%s/holds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
STATUS_LINES = (b"HTTP/1.1 4", b"HTTP/1.0 4")


def hostile(url, show, seconds):
    """All attacks at once; each says how it was answered, and all must be turned away."""
    end = time.monotonic() + float(seconds)
    target, show = address(url), show.encode()
    head = HEAD % show
    attacks = {
        "slowHeads": (100, lambda: drip(target, head[:-2], b"X-Slow: yes\r\n" * 9_999, end)),
        "slowBodies": (40, lambda: drip(target, head + SAID % 60_000, b"{" * 9_999, end)),
        "hugeSaid": (5, lambda: pour(target, head + SAID % 100_000_000, b"x", end)),
        "hugeUnsaid": (5, lambda: pour(target, head + UNSAID, CHUNK, end)),
        "bombs": (5, lambda: bomb(target, head, end)),
        "endlessHeads": (5, lambda: pour(target, head, b"X-Long: " + b"y" * 8_000 + b"\r\n", end)),
        "longPaths": (5, lambda: pour(target, b"GET /" + b"a" * 8_000, b"a", end)),
        "rubbish": (100, lambda: pour(target, random.randbytes(2_000), b"\r\n\r\n", end)),
        "pipelined": (20, lambda: pipelined_rubbish(target, show, end)),
        "neverReading": (10, lambda: never_reading(target, show, end)),
        "halfClosed": (50, lambda: half_closed(target, head, end)),
    }
    pool = concurrent.futures.ThreadPoolExecutor(sum(count for count, _ in attacks.values()))
    running = {
        name: [pool.submit(attack) for _ in range(count)]
        for name, (count, attack) in attacks.items()
    }
    figures = {}
    for name, futures in running.items():
        figures[name] = {}
        for future in futures:
            ending = future.result()
            figures[name][ending] = figures[name].get(ending, 0) + 1
    tell(figures)
    for name, endings in figures.items():
        bad = set(endings) - {"4xx", "closed"} - ({"served"} if name == "neverReading" else set())
        require(not bad, f"{name} ended with {bad}")


SAID = b"Content-Length: %d\r\n\r\n"
UNSAID = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
SIP_S = 0.25


def connect(target):
    return socket.create_connection(target, timeout=20)


def ending(connection, end):
    """What became of a connection on which nothing more is sent: 4xx, closed, 2xx, 5xx, open."""
    answer = b""
    try:
        while b"\r\n" not in answer:
            connection.settimeout(max(0.1, end - time.monotonic()))
            piece = connection.recv(4096)
            if not piece:
                return "closed"
            answer += piece
    except TimeoutError:
        return "open"
    except OSError:
        return "closed"
    return f"{answer[9:10].decode()}xx" if answer.startswith(b"HTTP/1.") else "nonsense"


def drip(target, begin, rest, end):
    """A byte now and then, and always one more."""
    with connect(target) as connection:
        connection.sendall(begin)
        for byte in rest:
            if time.monotonic() > end:
                return "open"
            try:
                connection.send(bytes([byte]))
                connection.settimeout(SIP_S)
                if connection.recv(4096) == b"":
                    return "closed"
                return "4xx"
            except TimeoutError:
                continue
            except OSError:
                return "closed"
    return "open"


def pour(target, begin, more, end):
    """As much as goes through, up to 100 MB, until there is an answer."""
    with connect(target) as connection:
        sent = 0
        try:
            connection.sendall(begin)
            while sent < 100_000_000 and time.monotonic() < end:
                piece = more * max(1, 32_768 // len(more))
                sent += connection.send(piece)
                connection.settimeout(0)
                try:
                    connection.recv(1, socket.MSG_PEEK)
                    break
                except BlockingIOError:
                    connection.settimeout(20)
        except OSError:
            pass
        return ending(connection, end)


def bomb(target, head, end):
    """A small body that unpacks to a large one."""
    packed = gzip.compress(b" " * 50_000_000)
    more = b"Content-Encoding: gzip\r\n" + SAID % len(packed)
    with connect(target) as connection:
        try:
            connection.sendall(head + more + packed)
        except OSError:
            pass
        return ending(connection, end)


def pipelined_rubbish(target, show, end):
    """Good requests and then none; the good ones are answered, then there is a 4xx or an end."""
    good = b"GET /api/v1/shows/%s HTTP/1.1\r\nHost: x\r\n\r\n" % show
    answers = b""
    with connect(target) as connection:
        connection.sendall(good * 3 + random.randbytes(500).replace(b"\n", b"") + b"\r\n\r\n")
        while True:
            connection.settimeout(max(0.1, end - time.monotonic()))
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                return "open"
            except OSError:
                break
            answers += piece
            if not piece or any(line in answers for line in STATUS_LINES):
                break
    served = answers.count(b"HTTP/1.1 200")
    return "4xx" if served == 3 else f"{served} of 3 served"


def never_reading(target, show, end):
    """Requests without end, and no answer is ever read: the server must stop taking them."""
    good = b"GET /api/v1/shows/%s HTTP/1.1\r\nHost: x\r\n\r\n" % show
    taken = 0
    with connect(target) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        try:
            while taken < 100_000_000 and time.monotonic() < end:
                taken += connection.send(good * 100)
        except TimeoutError:
            return "served"
        except OSError:
            return "closed"
    return "no end"


def half_closed(target, head, end):
    """A request that is cut off by a sender who still listens."""
    with connect(target) as connection:
        connection.sendall(head + SAID % 100 + b'{"userId":')
        connection.shutdown(socket.SHUT_WR)
        return ending(connection, end)


COMMANDS = {f.__name__: f for f in (idle, watch, promise, collect, hostile)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
