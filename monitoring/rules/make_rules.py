#!/usr/bin/env python3
"""Writes what follows from the metrics and from the other rules:

- deploy/prometheus/rules/vllm.yml, vLLM's names for the same things, so that boards and scalers made
  for vLLM work;
- deploy/kubernetes/monitoring/prometheusrule.yaml, all rules as the Prometheus operator wants them.

    monitoring/rules/make_rules.py            writes them
    monitoring/rules/make_rules.py FOLDER     writes them there, by their last names
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/rules"
KUBERNETES = ROOT / "deploy/kubernetes/monitoring"

# vLLM's name → ours. The older names of vLLM 0 stand beside those of 1.
HISTOGRAMS = {
    "vllm:time_to_first_token_seconds": "cecollm_time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds": "cecollm_inter_token_seconds",
    "vllm:time_per_output_token_seconds": "cecollm_inter_token_seconds",
    "vllm:e2e_request_latency_seconds": "cecollm_generation_seconds",
    "vllm:request_queue_time_seconds": "cecollm_generation_queue_seconds",
    "vllm:request_prompt_tokens": "cecollm_generation_prompt_tokens",
    "vllm:request_generation_tokens": "cecollm_generation_output_tokens",
}
OF_EDGES = {
    "vllm:num_requests_running": "cecollm_active_generations",
    "vllm:prompt_tokens_total": "cecollm_prompt_tokens_total",
    "vllm:generation_tokens_total": "sum by (job, instance) (cecollm_tokens_total)",
}
OF_CLOUDS = {
    "vllm:num_requests_waiting": "cecollm_cloud_waiting_asks",
    "vllm:kv_cache_usage_perc": "cecollm:cloud_kv_usage:ratio",
    "vllm:gpu_cache_usage_perc": "cecollm:cloud_kv_usage:ratio",
    "vllm:num_preemptions_total": "cecollm_cloud_evictions_total",
}
# vLLM's reason of an end → our outcome.
ENDS = {"stop": "stop", "length": "length", "abort": "cancelled", "error": "failed"}


def rule(name, expression, labels=()):
    lines = [f"      - record: {name}", f"        expr: {expression}"]
    if labels:
        lines += ["        labels:", *(f"          {key}: {value}" for key, value in labels)]
    return lines


def with_model(expression, role):
    """With vLLM's label `model_name`."""
    return f"{expression} * on (job, instance) group_left (model_name) cecollm:{role}_model:info"


def vllm():
    lines = ["# Written by monitoring/rules/make_rules.py: vLLM's names for our metrics.", "groups:",
             "  - name: cecollm.vllm", "    rules:"]
    for role in ("edge", "cloud"):
        lines += rule(f"cecollm:{role}_model:info",
                      "max by (job, instance, model_name) (label_replace("
                      f'cecollm_model_info{{role="{role}"}}, "model_name", "$1", "model", "(.+)"))')
    for role, aliases in (("edge", OF_EDGES), ("cloud", OF_CLOUDS)):
        for name, expression in aliases.items():
            lines += rule(name, with_model(expression, role))
    for reason, outcome in ENDS.items():
        lines += rule("vllm:request_success_total",
                      with_model("sum by (job, instance) "
                                 f'(cecollm_generations_total{{outcome="{outcome}"}})', "edge"),
                      [("finished_reason", reason)])
    for name, ours in HISTOGRAMS.items():
        for part in ("bucket", "sum", "count"):
            lines += rule(f"{name}_{part}", with_model(f"{ours}_{part}", "edge"))
    return "\n".join(lines) + "\n"


def groups_of(text):
    """What follows `groups:` in a file of rules."""
    return text.split("groups:\n", 1)[1].rstrip("\n")


def kubernetes(texts):
    head = """\
# Written by monitoring/rules/make_rules.py from deploy/prometheus/rules.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cecollm
  namespace: cecollm
  labels: {app.kubernetes.io/name: cecollm}
spec:
  groups:
"""
    groups = "\n\n".join(groups_of(text) for text in texts)
    return head + "\n".join(f"  {line}" if line else "" for line in groups.splitlines()) + "\n"


def main(folder):
    aliases = vllm()
    texts = [(RULES / name).read_text(encoding="utf-8") for name in ("recording.yml", "alerts.yml")]
    for home, name, text in ((RULES, "vllm.yml", aliases),
                             (KUBERNETES, "prometheusrule.yaml", kubernetes([*texts, aliases]))):
        place = folder or home
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
