"""Fleet overview: is everybody served well, and by whom."""

from grafana import dashboard, graph, link_to, quantiles, rate, row, table, tile, variable

UID = "cecollm-fleet"
TITLE = "CE-CoLLM: fleet"
EDGE = '{instance=~"$edge"}'
CLOUD = '{instance=~"$cloud"}'


def of(label, value):
    return f'{{instance=~"$edge",{label}="{value}"}}'


def share(part, whole):
    """0 where nothing happened, so that a quiet fleet shows a number."""
    return f"{part} / ({whole} > 0) or vector(0)"


def make(others):
    to_edge = link_to("cecollm-edge", "Details of this edge", "instance")
    tokens = "cecollm_tokens_total"
    ended = "cecollm_generations_total"
    first = "cecollm_time_to_first_token_seconds"
    panels = [
        row("Service levels"),
        tile("Nodes up", "Edges and clouds that Prometheus reaches, of all that it should.",
             'sum(up{job=~"cecollm-.+"}) / count(up{job=~"cecollm-.+"})', "percentunit",
             good_above=1),
        tile("Alerts firing", "Alerts of deploy/prometheus/rules/alerts.yml.",
             'count(ALERTS{alertname=~"Cecollm.+",alertstate="firing"}) or vector(0)',
             good_below=1),
        tile("First token, p95", "From a request's arrival to its first token.",
             quantiles(first, EDGE)[1][0], "s", good_below=2),
        tile("First token within 1 s", "Share of the requests whose first token came in time.",
             share(rate(first + "_bucket", of("le", "1")), rate(first + "_count", EDGE)),
             "percentunit", good_above=0.95),
        tile("Between tokens, p95", "How long a reader waits for the next token.",
             quantiles("cecollm_inter_token_seconds", EDGE)[1][0], "s", good_below=0.5),
        tile("Requests that failed", "Share of the requests that ended with an error.",
             share(rate(ended, of("outcome", "failed")), rate(ended, EDGE)), "percentunit",
             good_below=0.01),
        tile("Tokens a second", "Over all edges.", rate(tokens, EDGE), decimals=1),
        tile("Decided on the edge", "Share of the tokens that an early exit gave.",
             share(rate(tokens, '{instance=~"$edge",source=~"exit.*"}'), rate(tokens, EDGE)),
             "percentunit"),
        tile("Fallbacks", "Share of the tokens that an edge decided because the cloud was late, "
             "gone or too slow.",
             share(rate(tokens, of("source", "fallback")), rate(tokens, EDGE)), "percentunit",
             good_below=0.05),
        tile("Edges with a cloud", "Share of the edges that are connected and accepted.",
             f"avg(cecollm_link_connected{EDGE})", "percentunit", good_above=1),
        tile("Generations running", "On all edges.", f"sum(cecollm_active_generations{EDGE})"),
        tile("Asks that wait", "In all clouds.", f"sum(cecollm_cloud_waiting_asks{CLOUD})"),

        row("Tokens and modes"),
        graph("Tokens by source", "Where tokens are decided.",
              [(rate(tokens, EDGE, "source"), "{{source}}")], stacked=True, width=12),
        graph("Modes over edges", "How many edges work in each mode.",
              [(f"sum by (mode) (cecollm_mode{EDGE})", "{{mode}}")], stacked=True, width=12),
        graph("Time to the first token", "Over all edges.", quantiles(first, EDGE), "s"),
        graph("Between tokens", "Over all edges.",
              quantiles("cecollm_inter_token_seconds", EDGE), "s"),
        graph("Requests by outcome", "Ends of requests, a second.",
              [(rate(ended, EDGE, "outcome"), "{{outcome}}")], stacked=True),

        row("Clouds"),
        graph("Asks by outcome", "What became of asks, on the clouds' side.",
              [(rate("cecollm_cloud_asks_total", CLOUD, "outcome"), "{{outcome}}")], stacked=True,
              link=link_to("cecollm-cloud", "Clouds")),
        graph("Queue of the clouds", "From an ask's arrival to the start of its pass.",
              quantiles("cecollm_cloud_queue_seconds", CLOUD), "s"),
        graph("Memory used", "Of each cloud's bounds.",
              [(f"cecollm:cloud_kv_usage:ratio{CLOUD}", "KV {{instance}}"),
               (f"cecollm:cloud_row_usage:ratio{CLOUD}", "rows {{instance}}"),
               (f"cecollm:cloud_context_usage:ratio{CLOUD}", "contexts {{instance}}")],
              "percentunit"),

        row("Edges"),
        table("Edges", "Each edge now; a click leads to its details.",
              [(rate(tokens, EDGE, "instance"), ""),
               (f"sum by (instance) (cecollm_link_connected{EDGE})", ""),
               (f'sum by (instance) (cecollm_mode{{instance=~"$edge",mode="standalone"}})', ""),
               (f"sum by (instance) (cecollm_mode_held{EDGE})", ""),
               (f"sum by (instance) (cecollm_link_rtt_seconds{EDGE})", ""),
               (f"sum by (instance) (cecollm_link_goodput_bytes_per_second{EDGE})", ""),
               (f"sum by (instance) (cecollm_uplink_queue_bytes{EDGE})", "")],
              {"instance": "Edge", "Value #A": "Tokens/s", "Value #B": "Cloud",
               "Value #C": "Alone", "Value #D": "Mode held", "Value #E": "Round trip",
               "Value #F": "Goodput", "Value #G": "Uplink queue"},
              units=[("Round trip", "s"), ("Goodput", "Bps"), ("Uplink queue", "bytes")],
              link={"title": to_edge["title"],
                    "url": "/d/cecollm-edge?${__url_time_range}&var-instance=${__value.text}"}),
    ]
    variables = [
        variable("model", "Model", "label_values(cecollm_model_info, model)"),
        variable("edge", "Edge",
                 'label_values(cecollm_model_info{role="edge",model=~"$model"}, instance)'),
        variable("cloud", "Cloud",
                 'label_values(cecollm_model_info{role="cloud",model=~"$model"}, instance)'),
    ]
    return dashboard(UID, TITLE, "Service levels, sources of tokens and modes over all edges.",
                     variables, panels, others)
