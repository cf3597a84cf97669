# What the scenarios of scripts/torture are made of.

# fail WORDS…: ends everything; what helps to understand stays in target/torture.
fail() {
  printf '\nFAILED %s: %s\n' "$scenario" "$*" >&2
  rm -rf "$kept"
  mkdir -p "$kept"
  cp -r "$work"/*.log "$work"/*.json "$work"/rush "$kept" 2>/dev/null || true
  tail -n 15 "$work/server.log" "$work/rush.log" >&2 2>/dev/null || true
  echo "logs and records: $kept" >&2
  exit 1
}

# require WORDS… -- TEST…: fails with the words unless the test holds.
require() {
  local words=()
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  "$@" || fail "${words[*]}"
}

# figure QUERY JSON: one thing of it; holds QUERY JSON: whether it is true.
figure() { jq -c "$1" <<<"$2"; }
holds() { [ "$(figure "$1" "$2")" = true ]; }

# What counts as prompt, in milliseconds: the short form shares its processors with whoever builds.
prompt_ms=$(pick 2000 1000)

ok() { printf 'ok %s: %s\n' "$scenario" "$*"; }

# soon SECONDS WANTED COMMAND…: waits until the command prints what is wanted.
soon() {
  local seconds=$1 wanted=$2 begun=$SECONDS
  shift 2
  until [ "$("$@")" = "$wanted" ]; do
    [ $((SECONDS - begun)) -lt "$seconds" ] || return 1
    sleep 0.1
  done
}

# ---- faults -------------------------------------------------------------------------------------

# inject FLUSH_DELAY_MS CALL ERRNO CLOCK_S PATH: what goes wrong from now on; see faults.c.
inject() {
  # In place: the file is mapped by the server.
  printf '%-15s\n%-15s\n%-15s\n%-15s\n%-15s\n' "$@" 1<>"$faults"
}

healthy() { inject 0 - 0 0 /; }
slow_flushes() { inject "$1" - 0 0 /; }
shift_clock() { inject 0 - 0 "$1" /; }
# failing CALL PATH: with EIO.
failing() { inject 0 "$1" 5 0 "$2"; }

# ---- the server ---------------------------------------------------------------------------------

# serve [SETTING…]: starts the server on what is there, and waits until it is ready.
serve() {
  [ $# -eq 0 ] || settings=("$@")
  start_server
  local begun=$SECONDS
  until ready; do
    kill -0 "$server" 2>/dev/null || fail "the server does not start"
    [ $((SECONDS - begun)) -lt 60 ] || fail "the server is not ready in 60 s"
    sleep 0.05
  done
}

start_server() {
  TORTURE_FAULTS=$faults LD_PRELOAD=$work/faults.so "${wrapper[@]}" \
    "$bin/usher" serve --data-dir "$data" --listen "127.0.0.1:$port" \
    --ops-listen "127.0.0.1:$ops_port" --sandbox-delay-ms 0 --log-format human \
    "${settings[@]}" >>"$work/server.log" 2>&1 &
  server=$!
}

ready() { curl --silent --fail --max-time 5 "$ops/readyz" >/dev/null 2>&1; }

kill_server() {
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  server=
}

# has_ended SECONDS: waits for the server to end by itself; its code is then in `exit_code`.
has_ended() {
  local begun=$SECONDS
  while kill -0 "$server" 2>/dev/null; do
    [ $((SECONDS - begun)) -lt "$1" ] || return 1
    sleep 0.05
  done
  exit_code=0
  wait "$server" || exit_code=$?
  server=
}

# fresh SETTING…: a server with nothing in it, and a show for what is asked beside the rush.
fresh() {
  healthy
  rm -rf "$work"/rush "$work"/peak "$work"/*.log "$work"/*.json
  [ -n "$mounted" ] || rm -rf "$data"
  settings=()
  serve "$@"
  organise /admin/v1/shows '{"showId":"probe","title":"Probe","venue":"Here","city":"Taipei",
    "startsAt":"2030-05-01T19:30:00Z","saleStartsAt":"2020-01-01T00:00:00Z",
    "saleEndsAt":"2030-05-01T19:00:00Z","currency":"TWD","maxPerUser":4,"holdSeconds":120,
    "stock":[{"name":"standing","quantity":1000000,"priceCents":100,"segments":2}]}'
  organise /admin/v1/shows/probe/open
}

organise() {
  curl --silent --show-error --fail --output /dev/null --max-time 30 --request POST "$url$1" \
    --header "Authorization: Bearer $USHER_ORGANISER_KEY" \
    --header 'Content-Type: application/json' ${2:+--data-binary "$2"}
}

operate() {
  curl --silent --max-time 60 --header "Authorization: Bearer $USHER_OPERATOR_KEY" "$@"
}

# memory_mb: the most memory that the server has had, in MB.
memory_mb() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$server/status"; }

# is_resident_below MB: whether the server has less than that in memory now.
is_resident_below() {
  [ "$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$server/status")" -lt "$1" ] && echo yes || echo no
}

# ---- buyers -------------------------------------------------------------------------------------

# rush SECONDS [FLAG…]: buyers who do not give up, beside everything else, for so long.
rush() { load "$1" --abandon 20% --patience 180s --tries 5000 --ticket-wait 180s "${@:2}"; }

# load SECONDS [FLAG…]: buyers with these habits.
load() {
  "$bin/usher-loadgen" rush --url "$url" --ops "$ops" --out "$work/rush" --duration "${1}s" \
    --seats $(pick 20000 100000) "${@:2}" >"$work/rush.log" 2>&1 &
  generator=$!
  until [ "$(acknowledged)" -gt 5 ]; do
    kill -0 "$generator" 2>/dev/null || fail "the load generator does not start"
    sleep 0.05
  done
}

rush_ends() {
  local code=0
  wait "$generator" || code=$?
  generator=
  require "the rush ended with $code" -- [ "$code" = 0 ]
}

# acknowledged: what the rush has been promised so far.
acknowledged() { cat "$work/rush/record.jsonl" 2>/dev/null | wc -l; }

# sold: what the rush has sold and what was audited of it, in words.
sold() {
  echo "$(jq .sold "$work/rush/result.json") tickets, $(acknowledged) acknowledgements audited"
}

# accounts: kills the server, verifies its journal, starts it again, and audits.
accounts() {
  healthy
  kill_server
  "$bin/usher" journal verify --data-dir "$data" >"$work/verify.log" 2>&1 ||
    fail "the journal is damaged: $(tail -n 3 "$work/verify.log")"
  serve
  "$bin/usher-loadgen" audit --url "$url" --ops "$ops" "$work"/*/record.jsonl \
    >"$work/audit.log" 2>&1 || fail "the audit: $(tail -n 5 "$work/audit.log")"
  require "the server's own audit" -- \
    [ "$(operate "$ops/ops/v1/shows/probe/audit" | jq .ok)" = true ]
  stop_all
}

# client COMMAND ARGUMENT…: the clients that are no buyers; see clients.py.
client() { python3 scripts/torture.d/clients.py "$1" "$url" "${@:2}"; }

# promise HOLD_SECONDS: buyers who are promised something; collect: each promise must be kept.
promise() {
  client promise probe "$work/promised.json" "$1" >"$work/promise.log" 2>&1 ||
    fail "promise: $(cat "$work/promise.log")"
}
collect() {
  client collect "$work/promised.json" >"$work/collected.json" 2>"$work/collect.log" ||
    fail "collect: $(cat "$work/collect.log")"
}

read_status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 \
  "$url/api/v1/shows/probe" || true; }

# ask_hold SECONDS FLAG…: asks for a hold, with these flags of curl.
ask_hold() {
  local body
  body='{"userId":"asks-'$SRANDOM'","holdSeconds":'$1',"stock":{"name":"standing","quantity":1}}'
  curl --silent --max-time 20 --header 'Content-Type: application/json' --data-binary "$body" \
    "${@:2}" "$url/api/v1/shows/probe/holds" || true
}

hold_status() { ask_hold 2 --output /dev/null --write-out '%{http_code}'; }
new_hold() { ask_hold "$1" | jq -r .holdId; }
state_of() { curl --silent --max-time 20 "$url/api/v1/holds/$1" | jq -r .status; }
