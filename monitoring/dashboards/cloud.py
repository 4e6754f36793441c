"""One cloud, or some: asks, passes, memory, links to edges."""

from grafana import (dashboard, graph, heatmap, mean, quantiles, rate, row, table, tile, variable)

UID = "cecollm-cloud"
TITLE = "CE-CoLLM: clouds"
HERE = '{instance=~"$instance"}'


def each(metric):
    return f"sum by (instance) ({metric}{HERE})"


def asks():
    return [
        row("Asks"),
        tile("Edges connected", "Now.", f"sum(cecollm_cloud_connections{HERE})"),
        tile("Contexts", "Generations of edges that are held.", f"sum(cecollm_cloud_contexts{HERE})"),
        tile("Tokens a second", "Answers to asks, and cloud-only tokens.",
             rate("cecollm_cloud_tokens_total", HERE), decimals=1),
        tile("Asks that wait", "Now.", f"sum(cecollm_cloud_waiting_asks{HERE})"),
        tile("Queue, p95", "From an ask's arrival to the start of its pass.",
             quantiles("cecollm_cloud_queue_seconds", HERE)[1][0], "s", good_below=0.2),
        tile("Asks in a pass", "Mean.", mean("cecollm_cloud_batch_asks", HERE), decimals=1),
        graph("Asks by outcome", "A second.",
              [(rate("cecollm_cloud_asks_total", HERE, "outcome"), "{{outcome}}")], stacked=True),
        graph("Queue", "From an ask's arrival to the start of its pass.",
              quantiles("cecollm_cloud_queue_seconds", HERE), "s"),
        graph("Asks that wait", "For their answer.",
              [(each("cecollm_cloud_waiting_asks"), "{{instance}}")]),
        graph("One pass", "Of the deep layers over a batch.",
              quantiles("cecollm_cloud_step_seconds", HERE), "s"),
        heatmap("Batch sizes", "Passes by the asks that they answered.", "cecollm_cloud_batch_asks",
                HERE, "short"),
        graph("Tokens", "A second.",
              [(rate("cecollm_cloud_tokens_total", HERE, "instance"), "{{instance}}")]),
    ]


def memory():
    return [
        row("Memory"),
        graph("KV caches", "Held, and their bound.",
              [(each("cecollm_cloud_kv_bytes"), "{{instance}}"),
               (each("cecollm_cloud_kv_budget_bytes"), "bound of {{instance}}")], "bytes"),
        graph("Rows", "Held, and their bound.",
              [(each("cecollm_cloud_row_bytes"), "{{instance}}"),
               (each("cecollm_cloud_row_budget_bytes"), "bound of {{instance}}")], "bytes"),
        graph("Contexts", "Held, and their bound.",
              [(each("cecollm_cloud_contexts"), "{{instance}}"),
               (each("cecollm_cloud_context_budget"), "bound of {{instance}}")]),
        graph("Given up and built again", "KV caches given up, KV caches built again from rows, and "
              "whole contexts dropped, a second.",
              [(rate("cecollm_cloud_evictions_total", HERE), "evictions"),
               (rate("cecollm_cloud_rebuilds_total", HERE), "rebuilds"),
               (rate("cecollm_cloud_contexts_dropped_total", HERE), "contexts dropped")]),
        graph("Rows in", "Received, computed ahead of an ask, and never used, a second.",
              [(rate("cecollm_cloud_rows_received_total", HERE), "received"),
               (rate("cecollm_cloud_rows_ahead_total", HERE), "computed ahead"),
               (rate("cecollm_cloud_rows_wasted_total", HERE), "wasted: no answer used them")]),
    ]


def edges():
    return [
        row("Edges and links"),
        graph("Edges connected", "", [(each("cecollm_cloud_connections"), "{{instance}}")]),
        graph("Faults by code", "Typed faults sent to edges, a second.",
              [(rate("cecollm_cloud_faults_total", HERE, "code"), "{{code}}")]),
        graph("Silent edges", "Edges given up because nothing came from them, a second.",
              [(rate("cecollm_cloud_heartbeats_missed_total", HERE, "instance"), "{{instance}}")]),
        graph("Traffic", "Frames before TLS, and the row payload in them.",
              [(rate("cecollm_cloud_received_bytes_total", HERE), "received"),
               (rate("cecollm_cloud_row_bytes_received_total", HERE), "of it rows"),
               (rate("cecollm_cloud_sent_bytes_total", HERE), "sent")], "Bps"),
        table("Build and model", "What runs.",
              [(f'cecollm_build_info{{instance=~"$instance",role="cloud"}}', ""),
               (f'cecollm_model_info{{instance=~"$instance",role="cloud"}}', "")],
              {"instance": "Cloud", "version": "Version", "model": "Model",
               "exit_layers": "Exits", "dtype": "Type", "digest": "Digest"}, width=16),
    ]


def make(others):
    variables = [
        variable("model", "Model", 'label_values(cecollm_model_info{role="cloud"}, model)'),
        variable("instance", "Cloud",
                 'label_values(cecollm_model_info{role="cloud",model=~"$model"}, instance)'),
    ]
    return dashboard(UID, TITLE, "Asks, passes, memory and links of clouds.", variables,
                     asks() + memory() + edges(), others)
