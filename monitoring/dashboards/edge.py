"""One edge, or some: requests, exits, the cloud as seen from there, the link, memory."""

from grafana import (dashboard, graph, heatmap, mean, quantiles, rate, row, table, tile, variable)

UID = "cecollm-edge"
TITLE = "CE-CoLLM: edges"
HERE = '{instance=~"$instance"}'


def each(metric):
    return f"sum by (instance) ({metric}{HERE})"


def requests():
    return [
        row("Requests"),
        tile("Generations running", "Now.", f"sum(cecollm_active_generations{HERE})"),
        tile("Tokens a second", "Emitted.", rate("cecollm_tokens_total", HERE), decimals=1),
        tile("First token, p95", "From a request's arrival.",
             quantiles("cecollm_time_to_first_token_seconds", HERE)[1][0], "s", good_below=2),
        tile("Between tokens, p95", "", quantiles("cecollm_inter_token_seconds", HERE)[1][0], "s",
             good_below=0.5),
        tile("Round trip", "The median of the last samples.",
             f"avg(cecollm_link_rtt_seconds{HERE})", "s"),
        tile("Cloud connected", "Share of these edges.", f"avg(cecollm_link_connected{HERE})",
             "percentunit", good_above=1),
        graph("Requests by outcome", "Ends of requests, a second.",
              [(rate("cecollm_generations_total", HERE, "outcome"), "{{outcome}}")], stacked=True),
        graph("Time to the first token", "", quantiles("cecollm_time_to_first_token_seconds", HERE),
              "s"),
        graph("Between tokens", "", quantiles("cecollm_inter_token_seconds", HERE), "s"),
        graph("Whole request", "From arrival to end.", quantiles("cecollm_generation_seconds", HERE),
              "s"),
        graph("Queue", "From a request's arrival to its first step on the edge.",
              quantiles("cecollm_generation_queue_seconds", HERE), "s"),
        graph("Sizes of requests", "Mean tokens of a finished request.",
              [(mean("cecollm_generation_prompt_tokens", HERE), "prompt"),
               (mean("cecollm_generation_output_tokens", HERE), "output")]),
        heatmap("First tokens", "Requests by time to the first token.",
                "cecollm_time_to_first_token_seconds", HERE),
        heatmap("Tokens", "Tokens by time since the one before.", "cecollm_inter_token_seconds",
                HERE),
        graph("Prompt tokens", "Of requests that ended, a second.",
              [(rate("cecollm_prompt_tokens_total", HERE, "instance"), "{{instance}}")]),
    ]


def exits():
    confidence = "cecollm_exit_confidence_ratio"
    return [
        row("Exits"),
        graph("Tokens by source and layer", "Where tokens are decided.",
              [(rate("cecollm_tokens_total", HERE, "source, layer"), "{{source}} {{layer}}")],
              stacked=True),
        graph("Confidence", "Mean of all readings of an exit, taken or not.",
              [(mean(confidence, HERE, "source"), "{{source}}")], "percentunit"),
        heatmap("Readings", "Readings of all exits by confidence.", confidence, HERE,
                "percentunit"),
    ]


def cloud():
    return [
        row("The cloud as seen from here"),
        graph("Asks by outcome", "Tokens for which the edge wanted the cloud.",
              [(rate("cecollm_asks_total", HERE, "outcome"), "{{outcome}}")], stacked=True),
        graph("Asks in vain", "Made ahead, for tokens that a later exit gave.",
              [(rate("cecollm_asks_in_vain_total", HERE, "instance"), "{{instance}}")]),
        graph("Wait for the cloud", "Until the token was decided, answered or not.",
              quantiles("cecollm_cloud_wait_seconds", HERE), "s"),
        graph("Mode", "Edges in each mode.",
              [(f"sum by (mode) (cecollm_mode{HERE})", "{{mode}}")], stacked=True),
        graph("Transitions by reason", "In the interval shown by a point.",
              [("sum by (reason) (increase(cecollm_mode_transitions_total"
                f"{HERE}[$__rate_interval]))", "{{reason}}")]),
        graph("Cloud connected", "1 while a cloud has accepted the edge.",
              [(each("cecollm_link_connected"), "{{instance}}")]),
        graph("Lost signs of life", "Pings that nobody answered, and connections made anew.",
              [(rate("cecollm_heartbeats_missed_total", HERE, "instance"),
                "pings missed {{instance}}"),
               (rate("cecollm_reconnects_total", HERE, "instance"), "reconnects {{instance}}")]),
    ]


def link():
    return [
        row("Link"),
        graph("Round trip", "That decisions use.",
              [(each("cecollm_link_rtt_seconds"), "{{instance}}")], "s"),
        graph("Goodput", "Upload rate seen in acknowledged rows.",
              [(each("cecollm_link_goodput_bytes_per_second"), "{{instance}}")], "Bps"),
        graph("Uplink queue", "Bytes of rows that the cloud has not confirmed.",
              [(each("cecollm_uplink_queue_bytes"), "{{instance}}")], "bytes"),
        graph("Rows", "Rows a second.",
              [(rate("cecollm_rows_sent_total", HERE), "sent"),
               (rate("cecollm_rows_acknowledged_total", HERE), "acknowledged"),
               (rate("cecollm_rows_resent_total", HERE), "resent"),
               (rate("cecollm_rows_wasted_total", HERE), "wasted: no answer used them")]),
        graph("Traffic", "Frames before TLS, and the row payload in them.",
              [(rate("cecollm_sent_bytes_total", HERE), "up"),
               (rate("cecollm_row_bytes_total", HERE), "of it rows"),
               (rate("cecollm_received_bytes_total", HERE), "down")], "Bps"),
        graph("Clamped values", "Values of rows beyond the range of the row's type.",
              [(rate("cecollm_clamped_values_total", HERE, "instance"), "{{instance}}")]),
    ]


def memory():
    return [
        row("Memory and build"),
        graph("KV caches", "Held on the edge.", [(each("cecollm_kv_bytes"), "{{instance}}")],
              "bytes"),
        graph("Rows kept", "To bring a cloud up to date, and their bound.",
              [(each("cecollm_retained_row_bytes"), "{{instance}}"),
               (each("cecollm_retained_row_budget_bytes"), "bound of {{instance}}")], "bytes"),
        graph("Conversations kept", "Finished generations that wait for a request to go on.",
              [(each("cecollm_conversations"), "{{instance}}")]),
        graph("Memory of conversations", "Their KV caches and rows, on the edge.",
              [(each("cecollm_conversation_bytes"), "{{instance}}")], "bytes"),
        graph("Conversations", "Gone on with, and given up.",
              [(rate("cecollm_conversations_resumed_total", HERE), "resumed"),
               (rate("cecollm_conversations_dropped_total", HERE), "given up")]),
        graph("Rows resumed", "Positions of prompts that need not be computed and sent again.",
              [(rate("cecollm_resumed_rows_total", HERE, "instance"), "{{instance}}")]),
        table("Build and model", "What runs.",
              [(f'cecollm_build_info{{instance=~"$instance",role="edge"}}', ""),
               (f'cecollm_model_info{{instance=~"$instance",role="edge"}}', "")],
              {"instance": "Edge", "version": "Version", "model": "Model",
               "exit_layers": "Exits", "dtype": "Type", "digest": "Digest"}, width=8),
    ]


def make(others):
    variables = [
        variable("model", "Model", 'label_values(cecollm_model_info{role="edge"}, model)'),
        variable("instance", "Edge",
                 'label_values(cecollm_model_info{role="edge",model=~"$model"}, instance)'),
    ]
    panels = requests() + exits() + cloud() + link() + memory()
    return dashboard(UID, TITLE, "Requests, exits, link and memory of edges.", variables, panels,
                     others)
