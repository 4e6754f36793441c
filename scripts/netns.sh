#!/usr/bin/env bash
# A cloud, edges and the relay between them as hosts of their own: network namespaces joined by veth.
#   scripts/netns.sh up EDGES               cloud 10.77.0.1; edge I is 10.77.I.1, and sees 10.77.I.2
#   scripts/netns.sh exec NODE COMMAND…     NODE: cloud, relay, edge1, edge2, …
#   scripts/netns.sh rate NODE RATE         what NODE sends, by tbf: 5mbit; "none" ends it
#   scripts/netns.sh loss NODE PERCENT      of the packets that reach NODE, by nftables; 0 ends it
#                                           (of cloud and edges; the relay only passes on)
#   scripts/netns.sh cut NODE, mend NODE    takes NODE's link down, and up again
#   scripts/netns.sh down                   removes everything
# Delay comes from `cecollm relay` in the relay's namespace: many kernels have no netem. Needs root.
# CECOLLM_NETNS names the set, at most 8 characters [cecollm].
set -euo pipefail
set_name=${CECOLLM_NETNS:-cecollm}
if [[ ! $set_name =~ ^[a-z0-9]{1,8}$ ]]; then
  echo "netns: CECOLLM_NETNS is '$set_name': take up to 8 of a-z and 0-9" >&2
  exit 2
fi

usage() {
  sed -n '2,/^# CECOLLM_NETNS/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
space() { echo "$set_name-$1"; }
inside() {
  local node=$1
  shift
  ip netns exec "$(space "$node")" "$@"
}
# A node's only interface has the node's name; the relay has one towards each node.
join() {
  local node=$1 subnet=$2
  ip link add "$node" netns "$(space "$node")" type veth peer name "to-$node" netns "$(space relay)"
  ip -n "$(space "$node")" addr add "10.77.$subnet.1/24" dev "$node"
  ip -n "$(space relay)" addr add "10.77.$subnet.2/24" dev "to-$node"
  ip -n "$(space "$node")" link set "$node" up
  ip -n "$(space relay)" link set "to-$node" up
}
nodes() { ip netns list | sed -n "s/^$set_name-\([a-z0-9]*\).*/\1/p"; }

up() {
  local edges=$1 node
  [[ $edges =~ ^[0-9]+$ && $edges -ge 1 && $edges -le 200 ]] || usage
  trap down ERR
  for node in cloud relay $(seq -f 'edge%.0f' 1 "$edges"); do
    ip netns add "$(space "$node")"
    ip -n "$(space "$node")" link set lo up
  done
  join cloud 0
  for ((i = 1; i <= edges; ++i)); do join "edge$i" "$i"; done
}
down() {
  local node
  for node in $(nodes); do ip netns del "$(space "$node")"; done
}
rate() {
  inside "$1" tc qdisc del dev "$1" root 2> /dev/null || true
  [[ $2 == none ]] || inside "$1" tc qdisc add dev "$1" root tbf rate "$2" burst 32kb latency 1s
}
loss() {
  inside "$1" nft 'delete table inet loss' 2> /dev/null || true
  [[ $2 == 0 ]] || inside "$1" nft "table inet loss {
    chain input { type filter hook input priority 0; iifname \"$1\" numgen random mod 100 < $2 drop; }
  }"
}

case "${1:-}:$#" in
  up:2) up "$2" ;;
  # In the place of this process, so that signals reach the command.
  exec:[3-9] | exec:[1-9][0-9]) exec ip netns exec "$(space "$2")" "${@:3}" ;;
  rate:3) rate "$2" "$3" ;;
  loss:3) loss "$2" "$3" ;;
  cut:2) ip -n "$(space "$2")" link set "$2" down ;;
  mend:2) ip -n "$(space "$2")" link set "$2" up ;;
  down:1) down ;;
  *) usage ;;
esac
