# The scenarios of scripts/torture in which something is wrong with the disk.

torture_kills() {
  fresh --snapshot-journal-bytes 2000000
  local count=$(pick 3 40) round slowest_ms=0 begun took_ms
  rush $(pick 6 180)
  for round in $(seq "$count"); do
    sleep $(pick 1.2 3.7)
    kill_server
    begun=${EPOCHREALTIME/./}
    serve
    took_ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ "$took_ms" -lt "$slowest_ms" ] || slowest_ms=$took_ms
  done
  rush_ends
  accounts
  ok "$count kills, ready again in at most $slowest_ms ms; $(sold)"
}

# mount_small MB: the data directory on a file system of its own; says whether that may be done.
mount_small() {
  mkdir -p "$data"
  if $long && command -v mkfs.ext4 >/dev/null && truncate -s "$1M" "$work/image" &&
    mkfs.ext4 -q -F "$work/image" && mount -o loop "$work/image" "$data" 2>/dev/null; then
    file_system=ext4
  elif mount -t tmpfs -o "size=$1m" none "$data" 2>/dev/null; then
    file_system=tmpfs
  else
    echo "skipped $scenario: needs root, to mount a small disk"
    return 1
  fi
  mounted=$data
}

# fill LEAVING_BYTES: takes what is free but so much.
fill() {
  local free_bytes=$(($(stat -f -c '%a * %S' "$data")))
  fallocate -l $((free_bytes - $1)) "$data/ballast"
}

# fill_all: takes everything; the server takes some of it meanwhile, so this goes on until it fails.
fill_all() { ! dd if=/dev/zero of="$data/ballast" bs=16k status=none 2>/dev/null; }

readiness() { curl --silent --max-time 5 "$ops/readyz" | jq -r .detail; }

torture_disk_full() {
  mount_small 128 || return 0
  fresh --disk-reserve-bytes 20000000
  local rounds=$(pick 2 10) round
  rush $(pick 6 60)
  for round in $(seq "$rounds"); do
    sleep 0.7
    fill 25000000
    require "writes are refused" -- soon 5 503 hold_status
    require "reads live on" -- [ "$(read_status)" = 200 ]
    require "it says so" -- [ "$(readiness)" = "the disk is nearly full" ]
    sleep $(pick 0.5 3)
    require "writes are refused while it is full" -- [ "$(hold_status)" = 503 ]
    rm "$data/ballast"
    require "writes go on when there is room" -- soon 5 201 hold_status
  done
  rush_ends
  require "it lived through all of it" -- kill -0 "$server"
  accounts
  ok "$rounds times full ($file_system): 503 for writes, 200 for reads, resumed by itself; $(sold)"
}

# The disk fills faster than the reserve can be defended: a flush fails, or writes are refused.
torture_journal_full() {
  mount_small 128 || return 0
  fresh --disk-reserve-bytes 1
  local rounds=$(pick 2 15) round ended=0 refused=0 unstarted=0
  rush $(pick 6 60)
  for round in $(seq "$rounds"); do
    sleep 0.7
    fill_all
    if has_ended 3; then
      require "a failed flush ends it with 70, not $exit_code" -- [ "$exit_code" = 70 ]
      ended=$((ended + 1))
      # A start without room works, or says why it does not; nothing is lost by it.
      start_server
      if has_ended 2; then
        require "a start without room says why" -- grep -q 'No space left' "$work/server.log"
        unstarted=$((unstarted + 1))
      fi
    else
      require "a full disk refuses writes" -- [ "$(hold_status)" = 503 ]
      refused=$((refused + 1))
    fi
    rm "$data/ballast"
    [ -n "$server" ] || serve
    require "writes go on when there is room" -- soon 20 201 hold_status
  done
  rush_ends
  accounts
  ok "$rounds times ($file_system): $ended ended with code 70 ($unstarted of them could not start" \
    "without room) and recovered, $refused refused in time; $(sold)"
}

# A call, where it fails with EIO, and whether that ends the server.
failing_calls=(
  "fdatasync /journal/ ends"
  "fdatasync /keys/ ends"
  "pwrite /journal/ ends"
  "sync_file_range /journal/ ends"
  "fsync /journal/ ends"
  "fsync /snapshots/ lives"
)

torture_failing_disk() {
  fresh
  local rounds=$(pick 1 8) round line call path outcome ended=0 lived=0
  rush $(pick 8 120)
  for round in $(seq "$rounds"); do
    for line in "${failing_calls[@]}"; do
      read -r call path outcome <<<"$line"
      sleep $(pick 0.4 1)
      failing "$call" "$path"
      # A compaction makes calls that appending does not.
      operate --output /dev/null --request POST "$ops/ops/v1/snapshots" || true
      if [ "$outcome" = lives ]; then
        require "$call below $path harms no sale" -- soon 20 201 hold_status
        healthy
        lived=$((lived + 1))
        continue
      fi
      require "$call below $path ends it" -- has_ended 20
      require "$call below $path ends it with 70, not $exit_code" -- [ "$exit_code" = 70 ]
      ended=$((ended + 1))
      healthy
      serve
    done
  done
  rush_ends
  accounts
  ok "EIO $((ended + lived)) times: $ended ended with code 70 and recovered," \
    "$lived (snapshots) did no harm; $(sold)"
}

# What everybody may expect of a server whose flushes take so long: reads, and prompt refusals.
check_watched() {
  local watched=$1 delay_ms=$2
  require "reads, and only 200: $watched" -- holds '.reads.withoutRetryAfter == 0 and
    (.reads | del(.withoutRetryAfter) | keys == ["200"])' "$watched"
  require "prompt reads at $delay_ms ms: $watched" -- \
    holds ".reads[\"200\"].p99Ms < $prompt_ms" "$watched"
  require "503 beyond what may wait: $watched" -- holds '.writes["503"].count > 0' "$watched"
  require "prompt refusals: $watched" -- holds ".writes[\"503\"].p99Ms < $prompt_ms" "$watched"
  require "refusals say when: $watched" -- holds '.writes.withoutRetryAfter == 0' "$watched"
}

torture_slow_disk() {
  fresh --shards 1 --lane-buyers-capacity 8
  local delay_ms watched told="" before_mb grown_mb collected
  before_mb=$(memory_mb)
  rush $(pick 10 60) --workers 32
  promise 5
  for delay_ms in 100 1000 5000; do
    slow_flushes "$delay_ms"
    if [ "$delay_ms" = 5000 ]; then
      # The money for what was promised comes while the disk is slowest.
      collect &
      beside=$!
    fi
    watched=$(client watch probe $(pick 3 15) 24)
    check_watched "$watched" "$delay_ms"
    told+=" $delay_ms ms (reads p99 $(figure '.reads["200"].p99Ms' "$watched") ms,"
    told+=" $(figure '.writes["503"].count' "$watched") refused with p99"
    told+=" $(figure '.writes["503"].p99Ms' "$watched") ms)"
  done
  healthy
  wait "$beside" || fail "whoever paid"
  beside=
  collected=$(cat "$work/collected.json")
  require "payments in flight have tickets: $collected" -- holds '.refunded == 0' "$collected"
  rush_ends
  grown_mb=$(($(memory_mb) - before_mb))
  require "memory is bounded: it grew by $grown_mb MB" -- [ "$grown_mb" -lt 200 ]
  accounts
  ok "each flush slowed by$told; memory +$grown_mb MB, $(figure .ticketed "$collected")" \
    "payments in flight ticketed; $(sold)"
}
