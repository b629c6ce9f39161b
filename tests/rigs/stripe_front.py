#!/usr/bin/env python3
"""Stand-in for the parts of the Stripe API that localstripe lacks.

usage: stripe_front.py PORT [--localstripe URL] [--webhook URL SECRET]

Standard library only; listens on 127.0.0.1. Any key sk_... (Bearer or Basic) is
accepted. State is in memory. Answers and events have the shapes of API version
2026-09-30.endive, complete enough for the typed clients (the Rust async-stripe
1.0.0-rc.10 crates parse every one of them). Served here:

  customers, products, prices, checkout/sessions (create, get, expire), subscriptions
  (get, list, update, cancel), invoices (get, list), billing/meters, billing/meter_events,
  billing/meters/ID/event_summaries, billing_portal/sessions, webhook_endpoints, events
  Idempotency-Key: same key and body give the stored answer, another body a 400.
  GET /pay/SESSION    the hosted page: a form with the buttons Pay and Cancel
  POST /pay/SESSION   pays: makes the subscription and invoice, sends the events
                      (checkout.session.completed, customer.subscription.created, invoice.paid),
                      redirects to success_url with {CHECKOUT_SESSION_ID} filled in
Every other /v1 path goes to --localstripe, or is Stripe's 404 error.

For tests:
  POST /_config/webhooks/NAME  url, secret, events[] (as localstripe)    DELETE /_config/data
  POST /_test/send    JSON {"event": "EVT" or {...}, "times": 2, "skew": -600, "secret": "other",
                      "rotate": "second secret", "mangle": true}: deliver again, late, forged,
                      signed with two secrets, or changed after signing. Answers the status codes.
  POST /_test/fire    JSON {"type": "customer.subscription.deleted", "object": {...}}
  POST /_test/fail    JSON {"path": "/v1/checkout/sessions", "status": 503, "times": 2, "delay": 0}
                      with "after": true the call is carried out, and only its answer late or lost;
                      DELETE /_test/fail ends all of them
  GET  /_test/meter   totals by event name and customer;  GET /_test/deliveries  what was delivered
"""
import argparse
import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "2026-09-30.endive"
ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
ap.add_argument("port", type=int)
ap.add_argument("--localstripe")
ap.add_argument("--webhook", nargs=2, metavar=("URL", "SECRET"))
args = ap.parse_args()
BASE = f"http://127.0.0.1:{args.port}"

lock = threading.RLock()
db, hooks, idem, fails, deliveries = {}, {}, {}, [], []
if args.webhook:
    hooks["cli"] = {"url": args.webhook[0], "secret": args.webhook[1], "events": None}


class Bad(Exception):
    def __init__(self, status, message, code=None, param=None):
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message}}
        if code:
            self.body["error"]["code"] = code
        if param:
            self.body["error"]["param"] = param


def now():
    return int(time.time())


def new(prefix, kind, **fields):
    obj = {"id": f"{prefix}_{secrets.token_hex(12)}", "object": kind, "created": now(), "livemode": False, **fields}
    with lock:
        db.setdefault(kind, {})[obj["id"]] = obj
    return obj


def get(kind, oid):
    obj = db.get(kind, {}).get(oid)
    if not obj:
        raise Bad(404, f"No such {kind}: '{oid}'", "resource_missing", "id")
    return obj


def listing(kind, url, q, pred=lambda o: True):
    rows = [o for o in reversed(list(db.get(kind, {}).values())) if pred(o)]
    limit = min(int(q.get("limit", 10)), 100)
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": rows[:limit]}


def need(d, *keys):
    for k in keys:
        if d.get(k) in (None, "", {}):
            raise Bad(400, f"Missing required param: {k}.", "parameter_missing", k)


def unflatten(pairs):
    """a[b][0][c]=v -> {'a': {'b': [{'c': v}]}}"""
    root = {}
    for key, val in pairs:
        path = re.findall(r"[^\[\]]+|\[\]", key)
        node = root
        for i, p in enumerate(path[:-1]):
            node = node.setdefault(p if p != "[]" else str(len(node)), {})
        last = path[-1]
        node[last if last != "[]" else str(len(node))] = val

    def lists(n):
        if not isinstance(n, dict):
            return n
        n = {k: lists(v) for k, v in n.items()}
        if n and all(k.isdigit() for k in n):
            return [n[k] for k in sorted(n, key=int)]
        return n
    return lists(root)


# ---------------------------------------------------------------- events, webhooks
def event(kind, obj, previous=None):
    data = {"object": json.loads(json.dumps(obj))}
    if previous is not None:
        data["previous_attributes"] = previous
    ev = new("evt", "event", api_version=VERSION, data=data, pending_webhooks=len(hooks), type=kind,
             request={"id": f"req_{secrets.token_hex(7)}", "idempotency_key": None})
    for h in list(hooks.values()):
        if h["events"] is None or kind in h["events"] or "*" in h["events"]:
            threading.Thread(target=deliver, args=(h, ev), daemon=True).start()
    return ev


def sign(secret, t, payload):
    return hmac.new(secret.encode(), f"{t}.".encode() + payload, hashlib.sha256).hexdigest()


def deliver(hook, ev, skew=0, secret=None, rotate=None, mangle=False, tries=3):
    payload = json.dumps(ev, indent=2).encode()
    t = now() + skew
    sigs = [sign(rotate, t, payload)] if rotate else []
    sigs.append(sign(secret or hook["secret"], t, payload))
    if mangle:
        payload = payload.replace(b'"livemode": false', b'"livemode": true ', 1)
    header = f"t={t}," + ",".join(f"v1={s}" for s in sigs) + f",v0={'0' * 64}"
    status = 0
    for n in range(tries):
        req = urllib.request.Request(hook["url"], payload, {
            "Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"})
        try:
            with urllib.request.urlopen(req, timeout=20) as r:
                status = r.status
        except urllib.error.HTTPError as e:
            status = e.code
        except OSError:
            status = 0
        with lock:
            deliveries.append({"event": ev["id"], "type": ev["type"], "url": hook["url"], "status": status})
        if 200 <= status < 300:
            break
        time.sleep(0.5 * (n + 1))
    return status


# ---------------------------------------------------------------- objects
def product(d):
    need(d, "name")
    return new("prod", "product", active=True, images=[], marketing_features=[], metadata=d.get("metadata") or {},
               name=d["name"], type="service", updated=now(), description=d.get("description"))


def price(d):
    need(d, "currency")
    prod = d.get("product") or product(d.get("product_data") or {})["id"]
    rec = d.get("recurring")
    if rec:
        rec = {"interval": rec.get("interval", "month"), "interval_count": int(rec.get("interval_count", 1)),
               "usage_type": rec.get("usage_type", "licensed"), "meter": rec.get("meter"), "trial_period_days": None}
    amount = int(d.get("unit_amount", 0))
    p = new("price", "price", active=True, billing_scheme="per_unit", currency=d["currency"].lower(), lookup_key=d.get("lookup_key"),
            metadata=d.get("metadata") or {}, nickname=d.get("nickname"), product=prod, recurring=rec, tax_behavior="unspecified",
            type="recurring" if rec else "one_time", unit_amount=amount, unit_amount_decimal=str(amount))
    if d.get("id"):           # fixed ids, so that a test can configure price_...
        with lock:
            db["price"].pop(p["id"])
            p["id"] = d["id"]
            db["price"][p["id"]] = p
    return p


def plan_of(p):
    r = p["recurring"]
    return {"id": p["id"], "object": "plan", "active": True, "amount": p["unit_amount"], "billing_scheme": "per_unit",
            "created": p["created"], "currency": p["currency"], "interval": r["interval"], "interval_count": r["interval_count"],
            "livemode": False, "metadata": {}, "product": p["product"], "usage_type": r["usage_type"]}


def customer(d):
    c = new("cus", "customer", address=None, balance=0, currency=None, default_source=None, delinquent=False,
            description=d.get("description"), email=d.get("email"), invoice_prefix=secrets.token_hex(4).upper(),
            invoice_settings={"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None},
            metadata=d.get("metadata") or {}, name=d.get("name"), phone=None, preferred_locales=[], shipping=None,
            tax_exempt="none", test_clock=None)
    event("customer.created", c)
    return c


MONTH = {"day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}


def subscription(cus, prices, metadata, trial_days):
    t = now()
    trial = t + trial_days * 86400 if trial_days else None
    s = new("sub", "subscription", application=None, automatic_tax={"enabled": False, "disabled_reason": None, "liability": None},
            billing_cycle_anchor=trial or t, billing_cycle_anchor_config=None, billing_mode={"type": "classic"}, billing_schedules=[],
            cancel_at=None, cancel_at_period_end=False, canceled_at=None,
            cancellation_details={"comment": None, "feedback": None, "reason": None}, collection_method="charge_automatically",
            currency=prices[0]["currency"], customer=cus, days_until_due=None, default_payment_method=None, default_source=None,
            description=None, discounts=[], ended_at=None, invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
            latest_invoice=None, metadata=metadata, pause_collection=None, pending_invoice_item_interval=None, pending_setup_intent=None,
            pending_update=None, presentment_details=None, schedule=None, start_date=t, status="trialing" if trial else "active",
            test_clock=None, transfer_data=None, trial_end=trial, trial_start=t if trial else None,
            trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}})
    items = []
    for p in prices:
        r = p["recurring"]
        end = trial or t + MONTH[r["interval"]] * r["interval_count"]
        item = {"id": f"si_{secrets.token_hex(8)}", "object": "subscription_item", "created": t, "current_period_start": t,
                "current_period_end": end, "discounts": [], "metadata": {}, "plan": plan_of(p), "price": p,
                "subscription": s["id"], "tax_rates": []}
        if r["usage_type"] != "metered":
            item["quantity"] = 1
        items.append(item)
    s["items"] = {"object": "list", "data": items, "has_more": False, "url": f"/v1/subscription_items?subscription={s['id']}"}
    return s


def invoice(sub, amount):
    t = now()
    inv = new("in", "invoice", amount_due=amount, amount_overpaid=0, amount_paid=amount, amount_remaining=0, amount_shipping=0,
              attempt_count=1, attempted=True, auto_advance=False, automatic_tax={"enabled": False, "disabled_reason": None,
              "liability": None, "provider": None, "status": None}, billing_reason="subscription_create",
              collection_method="charge_automatically", currency=sub["currency"], customer=sub["customer"], default_tax_rates=[],
              discounts=[], issuer={"type": "self"}, metadata={}, payment_settings={"default_mandate": None,
              "payment_method_options": None, "payment_method_types": None}, period_end=t, period_start=t,
              parent={"type": "subscription_details", "quote_details": None,
                      "subscription_details": {"metadata": sub["metadata"], "subscription": sub["id"]}},
              post_payment_credit_notes_amount=0, pre_payment_credit_notes_amount=0, starting_balance=0, status="paid",
              status_transitions={"finalized_at": t, "marked_uncollectible_at": None, "paid_at": t, "voided_at": None},
              subtotal=amount, total=amount, number=f"RIG-{secrets.token_hex(3)}")
    inv["lines"] = {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{inv['id']}/lines"}
    sub["latest_invoice"] = inv["id"]
    return inv


def session(d):
    need(d, "mode")
    mode = d["mode"]
    if mode not in ("payment", "setup", "subscription"):
        raise Bad(400, "Invalid mode: must be one of payment, setup, or subscription", None, "mode")
    if d.get("customer_creation") and mode == "subscription":
        raise Bad(400, "`customer_creation` can only be used in `payment` and `setup` mode.", None, "customer_creation")
    if d.get("ui_mode", "hosted_page") in ("hosted", "hosted_page"):
        need(d, "success_url")
    for k in ("success_url", "cancel_url"):
        if d.get(k) and not re.match(r"https?://", d[k]):
            raise Bad(400, f"Not a valid URL: {d[k]}", "url_invalid", k)
    if mode != "setup":
        need(d, "line_items")
    if d.get("customer") and d.get("customer_email"):
        raise Bad(400, "You may only specify one of these parameters: customer, customer_email.")
    if d.get("customer"):
        get("customer", d["customer"])
    rows, total = [], 0
    for i, li in enumerate(d.get("line_items") or []):
        if li.get("price"):
            p = db.get("price", {}).get(li["price"])
            if not p:
                raise Bad(400, f"No such price: '{li['price']}'", "resource_missing", f"line_items[{i}][price]")
        elif li.get("price_data"):
            p = price(li["price_data"])
        else:
            raise Bad(400, "One of price or price_data is required.", "parameter_missing", f"line_items[{i}]")
        if mode == "payment" and p["type"] == "recurring":
            raise Bad(400, "You specified `payment` mode but passed a recurring price.")
        if mode == "subscription" and not any(True for _ in [p]):
            raise Bad(400, "no price")
        metered = p["recurring"] and p["recurring"]["usage_type"] == "metered"
        if metered and li.get("quantity"):
            raise Bad(400, "Quantity should not be specified where usage_type is `metered`.", None, f"line_items[{i}][quantity]")
        if not metered and not li.get("quantity"):
            raise Bad(400, f"Missing required param: line_items[{i}][quantity].", "parameter_missing", f"line_items[{i}][quantity]")
        n = int(li.get("quantity", 0))
        rows.append({"price": p["id"], "quantity": n})
        total += n * (p["unit_amount"] or 0)
    if mode == "subscription" and not any(db["price"][r["price"]]["type"] == "recurring" for r in rows):
        raise Bad(400, "You must provide at least one recurring price in `subscription` mode when using prices.")
    sd = d.get("subscription_data") or {}
    if sd and mode != "subscription":
        raise Bad(400, "You can only use `subscription_data` in `subscription` mode.", None, "subscription_data")
    trial = int(sd.get("trial_period_days", 0))
    cur = db["price"][rows[0]["price"]]["currency"] if rows else None
    s = new("cs_test", "checkout.session", adaptive_pricing=None, after_expiration=None, allow_promotion_codes=None,
            amount_subtotal=0 if trial else total, amount_total=0 if trial else total,
            automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
            billing_address_collection=None, cancel_url=d.get("cancel_url"), client_reference_id=d.get("client_reference_id"),
            client_secret=None, collected_information=None, consent=None, consent_collection=None, currency=cur,
            currency_conversion=None, custom_fields=[], custom_text={"after_submit": None, "shipping_address": None, "submit": None,
            "terms_of_service_acceptance": None}, customer=d.get("customer"), customer_creation="always" if mode == "subscription" else "if_required",
            customer_details=None, customer_email=d.get("customer_email"), discounts=[], expires_at=now() + 86400, invoice=None,
            invoice_creation=None, locale=d.get("locale"), metadata=d.get("metadata") or {}, mode=mode, payment_intent=None,
            payment_link=None, payment_method_collection="always", payment_method_configuration_details=None, payment_method_options={},
            payment_method_types=["card"], payment_status="unpaid", permissions=None, phone_number_collection={"enabled": False},
            recovered_from=None, saved_payment_method_options=None, setup_intent=None, shipping_address_collection=None,
            shipping_cost=None, shipping_options=[], status="open", submit_type=None, subscription=None, success_url=d.get("success_url"),
            total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, ui_mode="hosted_page", wallet_options=None)
    s["url"] = f"{BASE}/pay/{s['id']}"
    db.setdefault("_private", {})[s["id"]] = {"rows": rows, "trial": trial, "metadata": sd.get("metadata") or {}, "total": total}
    return s


def pay(sid):
    s = get("checkout.session", sid)
    if s["status"] != "open":
        raise Bad(400, f"This Checkout Session is {s['status']}.")
    p = db["_private"][sid]
    if not s["customer"]:
        s["customer"] = customer({"email": s["customer_email"] or "buyer@example.com"})["id"]
    mail = db["customer"][s["customer"]]["email"]
    s["customer_details"] = {"address": None, "email": mail, "name": "Rig Buyer", "phone": None, "tax_exempt": "none", "tax_ids": [],
                             "business_name": None, "individual_name": None}
    events = []
    if s["mode"] == "subscription":
        prices = [db["price"][r["price"]] for r in p["rows"] if db["price"][r["price"]]["type"] == "recurring"]
        sub = subscription(s["customer"], prices, p["metadata"], p["trial"])
        inv = invoice(sub, 0 if p["trial"] else p["total"])
        s["subscription"], s["invoice"] = sub["id"], inv["id"]
        events = [("customer.subscription.created", sub), ("invoice.paid", inv)]
    s.update(status="complete", payment_status="no_payment_required" if p["trial"] else "paid", url=None)
    for kind, obj in events:
        event(kind, obj)
    event("checkout.session.completed", s)
    return s


def cancel(sub, d):
    at_end = str(d.get("cancel_at_period_end", "")).lower() == "true"
    if at_end:
        sub.update(cancel_at_period_end=True, cancel_at=sub["items"]["data"][0]["current_period_end"], canceled_at=now())
        event("customer.subscription.updated", sub, {"cancel_at_period_end": False})
    else:
        sub.update(status="canceled", canceled_at=now(), ended_at=now())
        event("customer.subscription.deleted", sub)
    return sub


def meter(d):
    need(d, "display_name", "event_name", "default_aggregation")
    if any(m["event_name"] == d["event_name"] and m["status"] == "active" for m in db.get("billing.meter", {}).values()):
        raise Bad(400, f"There is already an active meter with the event name {d['event_name']}.", "resource_already_exists")
    return new("mtr_test", "billing.meter", customer_mapping={"event_payload_key": "stripe_customer_id", "type": "by_id"},
               default_aggregation={"formula": d["default_aggregation"].get("formula", "sum")}, display_name=d["display_name"],
               event_name=d["event_name"], event_time_window=None, status="active", status_transitions={"deactivated_at": None},
               updated=now(), value_settings={"event_payload_key": "value"})


def meter_event(d):
    need(d, "event_name", "payload")
    if not any(m["event_name"] == d["event_name"] and m["status"] == "active" for m in db.get("billing.meter", {}).values()):
        raise Bad(400, f"No active meter found for event name {d['event_name']}.", "no_meter")
    pl = d["payload"]
    if not pl.get("stripe_customer_id"):
        raise Bad(400, "Missing payload key stripe_customer_id.", "meter_event_no_customer_defined")
    if not re.fullmatch(r"-?\d+(\.\d{1,12})?", str(pl.get("value", ""))):
        raise Bad(400, "Payload value must be a number.", "meter_event_invalid_value")
    t = int(d.get("timestamp", now()))
    if t < now() - 35 * 86400:
        raise Bad(400, "Timestamp is more than 35 days in the past.", "timestamp_too_far_in_past")
    if t > now() + 300:
        raise Bad(400, "Timestamp is more than 5 minutes in the future.", "timestamp_in_future")
    ident = d.get("identifier") or secrets.token_hex(16)
    with lock:
        if any(e["identifier"] == ident for e in db.get("billing.meter_event", {}).values()):
            raise Bad(400, f"An event already exists with identifier {ident}.", "duplicate_meter_event")
        ev = {"object": "billing.meter_event", "created": now(), "event_name": d["event_name"], "identifier": ident, "livemode": False,
              "payload": {k: str(v) for k, v in pl.items()}, "timestamp": t}
        db.setdefault("billing.meter_event", {})[ident] = ev
    return ev


def summaries(mid, q):
    m = get("billing.meter", mid)
    need(q, "customer", "start_time", "end_time")
    tot = sum(float(e["payload"]["value"]) for e in db.get("billing.meter_event", {}).values()
              if e["event_name"] == m["event_name"] and e["payload"]["stripe_customer_id"] == q["customer"]
              and int(q["start_time"]) <= e["timestamp"] < int(q["end_time"]))
    return {"object": "list", "url": f"/v1/billing/meters/{mid}/event_summaries", "has_more": False, "data": [
        {"id": f"mtrusg_{secrets.token_hex(8)}", "object": "billing.meter_event_summary", "aggregated_value": tot,
         "end_time": int(q["end_time"]), "start_time": int(q["start_time"]), "livemode": False, "meter": mid}]}


def portal(d):
    need(d, "customer")
    get("customer", d["customer"])
    return new("bps", "billing_portal.session", configuration="bpc_rig", customer=d["customer"], flow=None, locale=None,
               on_behalf_of=None, return_url=d.get("return_url"), url=f"{BASE}/portal/{secrets.token_hex(6)}")


def endpoint(d):
    need(d, "url", "enabled_events")
    secret = "whsec_" + secrets.token_hex(16)
    e = new("we", "webhook_endpoint", api_version=VERSION, application=None, description=None, enabled_events=d["enabled_events"],
            metadata={}, secret=secret, status="enabled", url=d["url"])
    hooks[e["id"]] = {"url": d["url"], "secret": secret, "events": d["enabled_events"]}
    return e


def route(method, path, d):
    m = re.fullmatch(r"/v1/(customers|products|prices|subscriptions|invoices|events|webhook_endpoints)(?:/([\w.]+))?", path)
    if m:
        kind, oid = m.group(1), m.group(2)
        name = kind[:-1]
        if oid is None and method == "GET":
            return listing(name, path, d, lambda o: not d.get("customer") or o.get("customer") == d["customer"])
        if oid is None and method == "POST":
            if kind == "subscriptions":
                need(d, "customer", "items")
                get("customer", d["customer"])
                prices = [get("price", i.get("price") or "") for i in d["items"]]
                sub = subscription(d["customer"], prices, d.get("metadata") or {}, int(d.get("trial_period_days", 0)))
                event("customer.subscription.created", sub)
                return sub
            make = {"customers": customer, "products": product, "prices": price, "webhook_endpoints": endpoint}.get(kind)
            if make:
                return make(d)
        if oid:
            obj = get(name, oid)
            if method == "GET":
                if name == "subscription" and "latest_invoice" in d.get("expand", []):
                    return {**obj, "latest_invoice": db.get("invoice", {}).get(obj["latest_invoice"])}
                return obj
            if kind == "subscriptions" and (method == "DELETE" or "cancel_at_period_end" in d):
                return cancel(obj, d)
            if method == "POST":
                if isinstance(d.get("metadata"), dict):
                    obj["metadata"].update(d["metadata"])
                for k in ("email", "name", "description"):
                    if k in d:
                        obj[k] = d[k]
                event(f"{'customer.' if name == 'subscription' else ''}{name}.updated", obj, {})
                return obj
            if method == "DELETE":
                db[name].pop(oid)
                hooks.pop(oid, None)
                event(f"{name}.deleted", obj)
                return {"id": oid, "object": name, "deleted": True}
    if path == "/v1/checkout/sessions":
        return session(d) if method == "POST" else listing("checkout.session", path, d)
    m = re.fullmatch(r"/v1/checkout/sessions/(\w+)(/expire|/line_items)?", path)
    if m:
        s = get("checkout.session", m.group(1))
        if m.group(2) == "/expire" and method == "POST":
            if s["status"] != "open":
                raise Bad(400, "Only Checkout Sessions with a status in [\"open\"] can be expired.")
            s.update(status="expired", url=None)
            event("checkout.session.expired", s)
        return s
    if path == "/v1/billing/meters":
        return meter(d) if method == "POST" else listing("billing.meter", path, d)
    if path == "/v1/billing/meter_events" and method == "POST":
        return meter_event(d)
    m = re.fullmatch(r"/v1/billing/meters/(\w+)(/event_summaries)?", path)
    if m and method == "GET":
        return summaries(m.group(1), d) if m.group(2) else get("billing.meter", m.group(1))
    if path == "/v1/billing_portal/sessions" and method == "POST":
        return portal(d)
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, fmt, *a):
        print("%s %s" % (self.command, fmt % a), flush=True)

    def reply(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else (json.dumps(body, indent=2) + "\n").encode()
        self.send_response(status)
        if not any(h[0] == "Content-Type" for h in headers):
            self.send_header("Content-Type", "application/json")
        for h in headers:
            self.send_header(*h)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Request-Id", f"req_{secrets.token_hex(7)}")
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        u = urllib.parse.urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if u.path.startswith(("/_config/", "/_test/")):
                return self.control(u.path, raw)
            if u.path.startswith("/pay/"):
                return self.page(u.path.split("/")[2], raw)
            if not u.path.startswith("/v1/"):
                raise Bad(404, f"Unrecognized request URL ({self.command}: {u.path}).")
            lost = None
            for f in fails:
                if f["times"] > 0 and u.path.startswith(f["path"]):
                    f["times"] -= 1
                    if f.get("after"):
                        lost = f
                        break
                    time.sleep(f.get("delay", 0))
                    return self.reply(f["status"], {"error": {"type": "api_error", "message": "made to fail"}})
            auth = self.headers.get("Authorization", "")
            key = auth[7:] if auth.startswith("Bearer ") else base64.b64decode(auth[6:]).decode().split(":")[0] if auth.startswith("Basic ") else ""
            if not re.match(r"(sk|rk)_.{3,}", key):
                raise Bad(401, "Invalid API Key provided." if key else "You did not provide an API key.")
            pairs = urllib.parse.parse_qsl(u.query, keep_blank_values=True)
            if "urlencoded" in self.headers.get("Content-Type", ""):
                pairs += urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True)
            d = unflatten(pairs)
            ik, extra = self.headers.get("Idempotency-Key"), []
            if ik and self.command == "POST":
                seen = idem.get((key, ik))
                if seen:
                    if seen[0] != (u.path, raw):
                        return self.reply(400, {"error": {"type": "idempotency_error", "message":
                                          "Keys for idempotent requests can only be used with the same parameters they were first used with."}})
                    return self.reply(seen[1], seen[2], [("Idempotent-Replayed", "true"), ("Idempotency-Key", ik)])
            with lock:
                try:
                    status, body = 200, route(self.command, u.path, d)
                except Bad as e:
                    status, body = e.status, e.body
            if body is None:
                return self.forward(raw)
            body = (json.dumps(body, indent=2) + "\n").encode()
            if ik and self.command == "POST":
                idem[(key, ik)] = ((u.path, raw), status, body)
                extra = [("Idempotency-Key", ik)]
            if lost:
                time.sleep(lost.get("delay", 0))
                return self.reply(lost["status"], {"error": {"type": "api_error", "message": "made to fail"}})
            self.reply(status, body, extra)
        except Bad as e:
            self.reply(e.status, e.body)
        except BrokenPipeError:
            pass
        except Exception as e:                       # a fault of this stand-in, not of the caller
            self.reply(500, {"error": {"type": "api_error", "message": f"{type(e).__name__}: {e}"}})

    do_GET = do_POST = do_DELETE = handle_any

    def forward(self, raw):
        if not args.localstripe:
            raise Bad(404, f"Unrecognized request URL ({self.command}: {self.path}).")
        req = urllib.request.Request(args.localstripe.rstrip("/") + self.path, raw or None, method=self.command, headers={
            k: v for k, v in self.headers.items() if k.lower() in ("authorization", "content-type", "accept")})
        try:
            with urllib.request.urlopen(req, timeout=20) as r:
                self.reply(r.status, r.read())
        except urllib.error.HTTPError as e:
            body = e.read()
            self.reply(e.code, body if body[:1] == b"{" else Bad(e.code, body.decode()).body)

    def page(self, sid, raw):
        s = get("checkout.session", sid)
        if self.command == "POST" and b"cancel" not in raw:
            with lock:
                pay(sid)
            where = (s["success_url"] or BASE).replace("{CHECKOUT_SESSION_ID}", sid)
            return self.reply(303, b"", [("Location", where)])
        if self.command == "POST":
            return self.reply(303, b"", [("Location", s["cancel_url"] or BASE)])
        html = (f"<!doctype html><title>Pay</title><h1>Test checkout</h1><p>{s['mode']} {s['amount_total']} {s['currency']}</p>"
                f"<form method=post><button name=do value=pay>Pay</button> <button name=do value=cancel>Cancel</button></form>")
        self.reply(200, html.encode(), [("Content-Type", "text/html; charset=utf-8")])

    def control(self, path, raw):
        if path == "/_config/data" and self.command == "DELETE":
            for store in (db, idem, hooks):
                store.clear()
            del deliveries[:], fails[:]
            return self.reply(200, {})
        if path.startswith("/_config/webhooks/"):
            name = path.rsplit("/", 1)[1]
            if self.command == "DELETE":
                hooks.pop(name, None)
                return self.reply(200, {})
            d = json.loads(raw) if raw[:1] == b"{" else unflatten(urllib.parse.parse_qsl(raw.decode()))
            if not d.get("url") or not d.get("secret"):
                raise Bad(400, "url and secret are needed")
            hooks[name] = {"url": d["url"], "secret": d["secret"], "events": d.get("events")}
            return self.reply(200, {})
        d = json.loads(raw or b"{}")
        if path == "/_test/meter":
            tot = {}
            for e in db.get("billing.meter_event", {}).values():
                k = tot.setdefault(e["event_name"], {})
                k[e["payload"]["stripe_customer_id"]] = k.get(e["payload"]["stripe_customer_id"], 0) + float(e["payload"]["value"])
            return self.reply(200, tot)
        if path == "/_test/deliveries":
            return self.reply(200, deliveries)
        if path == "/_test/fail" and self.command == "DELETE":
            del fails[:]
            return self.reply(200, {})
        if path == "/_test/fail":
            fails.append({"path": d["path"], "status": d.get("status", 503), "times": d.get("times", 1), "delay": d.get("delay", 0),
                          "after": d.get("after", False)})
            return self.reply(200, {})
        if path == "/_test/fire":
            return self.reply(200, event(d["type"], d["object"], d.get("previous")))
        if path == "/_test/send":
            ev = get("event", d["event"]) if isinstance(d["event"], str) else d["event"]
            codes = [deliver(h, ev, d.get("skew", 0), d.get("secret"), d.get("rotate"), d.get("mangle", False), 1)
                     for h in list(hooks.values()) for _ in range(d.get("times", 1))]
            return self.reply(200, codes)
        raise Bad(404, "no such control")


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever()
