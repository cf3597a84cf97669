"""What scripts/conformance needs beyond schemathesis' own settings."""

import hashlib
import hmac
import os

import schemathesis

SECRET = os.environ["USHER_CALLBACK_SECRET"].encode()


# pretix's format belongs to others, and its editors add to it.
OPEN = {"PlanDocument", "PlanCategory", "PlanZone", "PlanRow", "PlanSeat", "PlanPosition", "PlanSize"}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Answers may gain fields, so their schemas are open; here an unknown field is a fault."""
    schemas = raw_schema["components"]["schemas"]
    # What is a part of another has that one's fields beside it.
    parts = {name for schema in schemas.values() for name in parts_of(schema)}
    for name, schema in schemas.items():
        if schema.get("properties") and name not in OPEN | parts:
            schema.setdefault("additionalProperties", False)


def parts_of(schema):
    """Names of the schemas whose fields this one has among its own."""
    for part in schema.get("allOf", []):
        for choice in [part, *part.get("oneOf", [])]:
            if "$ref" in choice:
                yield choice["$ref"].rsplit("/", 1)[-1]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Signs every other payment message, since no generator guesses an HMAC."""
    body = case.body
    if case.operation.path != "/api/v1/payments/callback" or not isinstance(body, dict):
        return
    fields = [body.get(name) for name in ("paymentId", "orderId", "status", "amountCents")]
    signable = [isinstance(field, kind) for field, kind in zip(fields, (str, str, str, int))]
    if all(signable) and isinstance(body.get("signature"), str) and len(str(fields)) % 2:
        text = "\n".join(str(field) for field in fields).encode("utf-8", "surrogatepass")
        body["signature"] = hmac.new(SECRET, text, hashlib.sha256).hexdigest()


# Rules over several fields, or over what is there already: JSON Schema cannot say them, so a
# request that fits the document may still be refused. Everything else that fits must be taken.
MANY_FIELDS = (
    # exactly one of several, at least one of several
    "",
    # the sale ends after it starts
    "/saleStartsAt",
    "/saleEndsAt",
    # only beside `section` or `stock`
    "/quantity",
    # the server's own bound
    "/holdSeconds",
    # a path below the server's own directory, where nothing is yet
    "/directory",
    # refused from more points on than challenged
    "/refuseAt",
)


def is_stated_in_words(problem):
    """Whether a refusal rests on a rule that the document states in words only."""
    pointer, detail = problem.get("pointer", ""), problem.get("detail", "")
    return (
        problem["code"] == "INVALID_FIELD"
        and (
            pointer in MANY_FIELDS
            # the plan's categories, the show's pools
            or pointer.startswith(("/prices/", "/stock/"))
            # an address or a network, in one of four formats
            or pointer.startswith(("/allow/", "/block/", "/dataCentres/"))
            # only left out beside a credential that says who asks
            or (pointer == "/userId" and detail == "it is empty")
            or "before 1970" in detail
            # JSON Schema takes 1.0 for an integer
            or "floating point" in detail
        )
    )


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Leaves out what is no fault; the checks that are not named here stay as they are."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData" and response.status_code == 400:
        problem = response.json()
        # The document's bound of 64 bits is rounded by who reads all numbers as floats.
        is_rounded = "number too large to fit" in problem.get("detail", "")
        # No document can list the sections of all plans.
        is_not_in_plan = problem.get("detail") == "the plan has no such section"
        # Who asks may be said by a credential; an address is in one of two formats.
        is_in_words = problem.get("parameter") in ("userId", "address")
        return not (is_rounded or is_not_in_plan or is_in_words or is_stated_in_words(problem))
    return True
