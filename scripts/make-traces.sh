#!/bin/sh
# Writes the traces of bench/traces: what links do over time, from a fixed seed. Every run writes
# the same bytes, with any awk.
set -eu

usage() {
  echo "usage: make-traces.sh [DIR]   writes *.csv into DIR (bench/traces by default)"
}
case ${1:-} in -h | --help) usage; exit 0 ;; esac
[ $# -le 1 ] || { usage >&2; exit 2; }
dir=${1:-$(dirname "$0")/../bench/traces}
mkdir -p "$dir"

# trace NAME SEED: runs the awk program on standard input, which prints the lines below the header.
trace() {
  program=$(cat)
  LC_ALL=C awk -v seed="$2" "$common$program" >"$dir/$1.csv"
}

# shellcheck disable=SC2016  # these are awk's variables
common='
# Park and Miller minimal standard generator: exact in double precision, the same in every awk.
function chance() { seed = seed * 16807 % 2147483647; return seed / 2147483647 }
function between(low, high) { return low + (high - low) * chance() }
# A step of at most `size` from `value`, kept within the bounds.
function walk(value, size, low, high) {
  value += between(-size, size)
  return value < low ? low : value > high ? high : value
}
function line(time, rtt, up, down, state) {
  printf "%.2f,%.1f,%.3f,%.3f,%s\n", time, rtt, up, down, state
}
function about(text) { print "# " text }
function header() { print "time_s,rtt_ms,mbit_up,mbit_down,state" }
function loop(time) { printf "%.2f,,,,loop\n", time }
'

trace lte-drive 814632911 <<'EOF_AWK'
BEGIN {
  about("A drive through a city on LTE: round trips of 40 to 120 ms, 1 to 12 Mbit/s up, handovers")
  about("that hold everything for 0.2 to 0.8 s about every 20 s, and a tunnel of 6 s. Loops.")
  header()
  rtt = 60; up = 6; down = 25; handover = 12
  for (t = 0; t < 180; t += 1) {
    if (t >= 100 && t < 106) {
      if (t == 100) line(t, rtt, 1, 2, "outage")
      continue
    }
    rtt = walk(rtt, 12, 40, 120); up = walk(up, 1.5, 1, 12); down = walk(down, 5, 3, 50)
    line(t, rtt, up, down, "up")
    if (t >= handover) {
      begin = t + between(0.05, 0.15)
      line(begin, rtt, up, down, "stall")
      line(begin + between(0.2, 0.8), rtt, up, down, "up")
      handover = t + int(between(14, 26))
    }
  }
  loop(180)
}
EOF_AWK

trace ship-satellite 1297405523 <<'EOF_AWK'
BEGIN {
  about("A ship on a geostationary satellite: round trips of 590 to 680 ms, 0.5 to 2 Mbit/s up and")
  about("2 to 10 down, rain that takes most of both for 20 s, and outages of 3 to 8 s when the mast")
  about("is in the way, about once a minute. Loops.")
  header()
  rtt = 620; up = 1.5; down = 6; shadow = 35
  for (t = 0; t < 240; t += 2) {
    rtt = walk(rtt, 15, 590, 680); up = walk(up, 0.2, 0.5, 2); down = walk(down, 1, 2, 10)
    rain = t >= 150 && t < 170 ? 0.15 : 1
    line(t, rtt, up * rain, down * rain, "up")
    if (t >= shadow) {
      begin = t + 0.5
      line(begin, rtt, up, down, "outage")
      t += 2 * int(between(2, 4))
      line(t + 0.5, rtt, up, down, "up")
      shadow = t + int(between(45, 70))
    }
  }
  loop(240)
}
EOF_AWK

trace cafe-wifi 556019837 <<'EOF_AWK'
BEGIN {
  about("Shared Wi-Fi in a cafe: 8 to 30 ms most of the time, with bursts of others' traffic that")
  about("raise the round trip to 80 to 250 ms and leave a tenth of the rate for 1 to 4 s, and an")
  about("access point that throws everybody out once. Loops.")
  header()
  rtt = 15; up = 12; down = 30; burst = 6
  for (t = 0; t < 120; t += 1) {
    rtt = walk(rtt, 4, 8, 30); up = walk(up, 2, 4, 20); down = walk(down, 5, 8, 60)
    if (t == 90) {
      line(t, rtt, up, down, "reset")
      line(t + 0.5, rtt, up, down, "outage")
      continue
    }
    if (t == 91) continue
    if (t >= burst) {
      busy = int(between(1, 5))
      line(t, between(80, 250), up / 10, down / 10, "up")
      if (t < 90 && t + busy > 90) busy = 90 - t
      t += busy - 1
      burst = t + int(between(4, 12))
    } else {
      line(t, rtt, up, down, "up")
    }
  }
  loop(120)
}
EOF_AWK

trace flapping 1730268841 <<'EOF_AWK'
BEGIN {
  about("A link that goes up for 1 to 5 s and down for 0.5 to 4 s, and resets its connections at")
  about("every fourth return. 30 ms, 10 Mbit/s. Loops.")
  header()
  t = 0; returns = 0
  while (t < 60) {
    line(t, 30, 10, 10, "up")
    t += between(1, 5)
    line(t, 30, 10, 10, "outage")
    t += between(0.5, 4)
    if (++returns % 4 == 0) {
      line(t, 30, 10, 10, "reset")
      t += 0.1
    }
  }
  loop(t)
}
EOF_AWK

trace slow-decay 402877153 <<'EOF_AWK'
BEGIN {
  about("A link that gets worse for two minutes, as when one walks away from the access point: from")
  about("5 ms and 50 Mbit/s to 800 ms and 0.1 Mbit/s. It then stays so bad: the trace does not loop.")
  header()
  for (t = 0; t <= 120; t += 1) {
    part = t / 120
    rtt = 5 * exp(part * log(160)) * between(0.9, 1.1)
    up = 50 * exp(-part * log(500)) * between(0.9, 1.1)
    line(t, rtt, up, 2 * up, "up")
  }
}
EOF_AWK
