# The scenarios of scripts/torture in which the disk is well and something else is not.

torture_pause() {
  local seconds=$(pick 5 30)
  # Payments that have begun run out of time while the server is paused: either way, but only one.
  fresh --pay-seconds 3 --pay-extension-seconds 3
  rush $((seconds + 3)) --timeout $((seconds + 30))s
  promise 3
  kill -STOP "$server"
  sleep "$seconds"
  kill -CONT "$server"
  collect
  rush_ends
  accounts
  ok "stopped for $seconds s: $(jq -c . "$work/collected.json"); $(sold)"
}

torture_descriptors() {
  local limit=500 opened watched watcher idle_end
  wrapper=(prlimit --nofile=$limit:$limit)
  # Compactions open files again and again, and must find descriptors for them.
  fresh --snapshot-journal-bytes 200000 --keep-alive-seconds 5
  rush $(pick 8 40)
  client watch probe $(pick 6 30) 4 >"$work/watched.json" &
  watcher=$!
  sleep 1
  # More connections than there are descriptors, until this end of the pipe is closed.
  coproc IDLE { client idle 700; }
  beside=$IDLE_PID idle_end=${IDLE[1]}
  read -r -t 30 opened <&"${IDLE[0]}" || fail "no connections"
  wait "$watcher" || fail "whoever watches"
  watched=$(cat "$work/watched.json")
  require "those who are there go on: $watched" -- holds '.reads["200"].count > 50' "$watched"
  require "and are served: $watched" -- holds '[.reads, .writes]
    | map(del(.withoutRetryAfter) | keys) | add - ["200", "201", "503"] == []' "$watched"
  exec {idle_end}>&-
  wait "$beside" 2>/dev/null || true
  beside=
  require "new connections are taken again" -- soon 15 201 hold_status
  rush_ends
  require "it lived through all of it" -- kill -0 "$server"
  require "compactions went on" -- grep -q compacted "$work/server.log"
  ! grep -q 'compaction failed' "$work/server.log" || fail "a compaction had no descriptors"
  accounts
  ok "$opened connections on $limit descriptors: $(figure '.reads["200"].count' "$watched") reads" \
    "with p99 $(figure '.reads["200"].p99Ms' "$watched") ms and" \
    "$(figure '.writes["201"].count' "$watched") writes beside them; $(sold)"
}

torture_hostile() {
  local seconds=$(pick 6 60) before_mb quiet watched figures watcher grown_mb
  fresh --client-seconds-max 2
  rush $((seconds + 3)) --workers 4
  quiet=$(client watch probe 2)
  before_mb=$(memory_mb)
  client watch probe "$seconds" >"$work/watched.json" &
  watcher=$!
  figures=$(client hostile probe $(pick 30 60) 2>"$work/hostile.log") ||
    fail "$(cat "$work/hostile.log") $figures"
  wait "$watcher" || fail "whoever watches"
  watched=$(cat "$work/watched.json")
  require "others are served: $watched" -- holds '[.reads, .writes]
    | map(del(.withoutRetryAfter) | keys) | add == ["200", "201"]' "$watched"
  require "promptly, too: $watched" -- holds ".reads[\"200\"].p99Ms < $prompt_ms" "$watched"
  grown_mb=$(($(memory_mb) - before_mb))
  # Who never reads has answers waiting to as many requests as the kernel has taken, some 20 MB each.
  require "memory is bounded: it grew by $grown_mb MB" -- [ "$grown_mb" -lt 500 ]
  require "and given back, but for what was sold" -- \
    soon 20 yes is_resident_below $((before_mb + $(pick 150 400)))
  rush_ends
  accounts
  ok "$(figure . "$figures"); others' reads p99 $(figure '.reads["200"].p99Ms' "$quiet") ms before" \
    "and $(figure '.reads["200"].p99Ms' "$watched") ms meanwhile, memory +$grown_mb MB; $(sold)"
}

# of_writes QUERY: the sum of this of the last run's writes.
of_writes() {
  jq '[.steps["hold", "order", "release"] // empty |'" $1] | add" "$work/rush/result.json"
}

# overload SECONDS: first as much as the server takes, then three times that, by buyers who ask once
# and go. `peak` and `kept_up` are writes that were done within 500 ms; all of it in `told`.
overload() {
  local seconds=$1 journeys rate turned_away
  local once=(--abandon 100% --group 1-1 --tries 1 --view none --show-hold-seconds 20 --no-audit)
  load "$seconds" "${once[@]}" --workers 64
  rush_ends
  peak=$(($(of_writes .prompt) / seconds))
  # A buyer of this crowd writes more than once, now and then.
  journeys=$(jq '[.journeys[]] | add' "$work/rush/result.json")
  rate=$((3 * peak * journeys / $(of_writes .latency.count)))
  mv "$work/rush" "$work/peak"
  load "$seconds" "${once[@]}" --rate "$rate" --connections 400
  rush_ends
  kept_up=$(($(of_writes .prompt) / seconds))
  turned_away=$(jq '.steps.hold.turnedAway | del(.hdr)' "$work/rush/result.json")
  refused_us=$(figure .p99Us "$turned_away")
  told="$rate buyers a second, $kept_up of $peak writes a second done within 500 ms,"
  told+=" $(figure .count "$turned_away") refused with p99 $((refused_us / 1000)) ms"
}

torture_overload() {
  local peak kept_up refused_us told least=$(pick 50 90)
  # The disk is the limit: it takes 8 writes every 50 ms.
  fresh --shards 1 --lane-buyers-capacity 8
  slow_flushes 50
  overload $(pick 4 20)
  require "at least $least% of the peak: $told" -- [ $((100 * kept_up)) -ge $((least * peak)) ]
  require "there are refusals: $told" -- [ "$refused_us" -gt 0 ]
  require "refusals are fast: $told" -- [ "$refused_us" -lt $((prompt_ms * 500)) ]
  accounts
  ok "three times the load, slowed disk: $told; audited"
  $long || return 0
  fresh
  overload 20
  accounts
  ok "three times the load, processors shared with the buyers: $told; audited"
}

# A shard's time follows the steady clock, whatever the wall clock says.
torture_clock() {
  local hours told="" hold collected
  fresh
  rush $(pick 8 60)
  for hours in 1 -1 $(pick "" "24 -24"); do
    promise 5
    shift_clock $((hours * 3600))
    hold=$(new_hold 3)
    collect
    collected=$(cat "$work/collected.json")
    require "nobody paid too late: $collected" -- holds '.refunded == 0' "$collected"
    require "a hold ends in spite of the clock" -- soon 15 EXPIRED state_of "$hold"
    told+=" $hours h $(figure . "$collected"),"
  done
  rush_ends
  accounts
  ok "the wall clock jumped by$told nothing ended early; $(sold)"
}
