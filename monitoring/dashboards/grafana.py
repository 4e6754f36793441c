"""Grafana's dashboard model (version 11), as far as these dashboards need it: panels that are laid out
from left to right, variables, links. Every value here is Grafana's own."""

WIDTH = 24  # of a dashboard, in Grafana's columns
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def quantiles(histogram, selector, by=""):
    """(expression, legend) for the 50th, 95th and 99th percentile of a histogram."""
    group = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return [(f"histogram_quantile({q / 100}, sum by ({group}) "
             f"(rate({histogram}_bucket{selector}[$__rate_interval])))", f"p{q}{legend}")
            for q in (50, 95, 99)]


def rate(counter, selector, by=""):
    inner = f"rate({counter}{selector}[$__rate_interval])"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def mean(histogram, selector, by=""):
    return f"{rate(histogram + '_sum', selector, by)} / {rate(histogram + '_count', selector, by)}"


def _targets(queries, instant, form):
    return [{"refId": chr(ord("A") + i), "datasource": DATA_SOURCE, "expr": expression,
             "legendFormat": legend, "range": not instant, "instant": instant, "format": form}
            for i, (expression, legend) in enumerate(queries)]


def _panel(kind, title, description, queries, unit, width, height, *, instant=False,
           form="time_series", defaults=None, options=None, overrides=()):
    return {"type": kind, "title": title, "description": description, "datasource": DATA_SOURCE,
            "targets": _targets(queries, instant, form),
            "fieldConfig": {"defaults": {"unit": unit, **(defaults or {})},
                            "overrides": list(overrides)},
            "options": options or {}, "gridPos": {"w": width, "h": height}}


def tile(title, description, expression, unit="short", *, good_below=None, good_above=None,
         decimals=None, link=None):
    """One number; green on the good side of its bound, red on the other."""
    steps = [{"color": "text", "value": None}]
    if good_below is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": good_below}]
    elif good_above is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": good_above}]
    defaults = {"thresholds": {"mode": "absolute", "steps": steps},
                "color": {"mode": "thresholds"}}
    if decimals is not None:
        defaults["decimals"] = decimals
    if link:
        defaults["links"] = [link]
    return _panel("stat", title, description, [(expression, "")], unit, 4, 4, defaults=defaults,
                  options={"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area",
                           "colorMode": "value"})


def graph(title, description, queries, unit="short", *, stacked=False, width=8, link=None):
    custom = {"fillOpacity": 40 if stacked else 8, "showPoints": "never",
              "stacking": {"mode": "normal" if stacked else "none"}}
    defaults = {"custom": custom, "min": 0}
    if link:
        defaults["links"] = [link]
    return _panel("timeseries", title, description, queries, unit, width, 8, defaults=defaults,
                  options={"legend": {"displayMode": "list", "placement": "bottom"},
                           "tooltip": {"mode": "multi", "sort": "desc"}})


def heatmap(title, description, histogram, selector, unit="s", width=8):
    expression = f"sum by (le) (increase({histogram}_bucket{selector}[$__rate_interval]))"
    return _panel("heatmap", title, description, [(expression, "{{le}}")], unit, width, 8,
                  form="heatmap", options={"calculate": False, "yAxis": {"unit": unit}})


def table(title, description, queries, columns, *, width=24, units=(), link=None):
    """Instant values side by side, a row for each set of labels. `columns`: label or `Value #A` →
    heading; what is not named is hidden."""
    panel = _panel("table", title, description, queries, "short", width, 8, instant=True,
                   form="table", overrides=[
                       {"matcher": {"id": "byName", "options": heading},
                        "properties": [{"id": "unit", "value": unit}]}
                       for heading, unit in units])
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
        {"id": "organize", "options": {"renameByName": columns}}]
    if link:
        heading = columns["instance"]
        panel["fieldConfig"]["overrides"].append(
            {"matcher": {"id": "byName", "options": heading},
             "properties": [{"id": "links", "value": [link]}]})
    return panel


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"w": WIDTH, "h": 1}}


def variable(name, label, query, everything=True):
    return {"type": "query", "name": name, "label": label, "datasource": DATA_SOURCE,
            "query": {"query": query, "refId": name}, "definition": query, "refresh": 2, "sort": 1,
            "multi": everything, "includeAll": everything,
            "current": {"text": ["All"], "value": ["$__all"]} if everything else {}}


def link_to(uid, title, variable_name=None):
    """To another dashboard; with a variable's name: to the node that was clicked at."""
    url = f"/d/{uid}?${{__url_time_range}}"
    if variable_name:
        url += f"&var-{variable_name}=${{__field.labels.instance}}"
    return {"title": title, "url": url}


def _place(panels):
    """Left to right, a new line where a panel does not fit."""
    x = y = line = 0
    for number, panel in enumerate(panels, 1):
        place = panel["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, line = 0, y + line, 0
        panel["id"] = number
        place.update(x=x, y=y)
        x, line = x + place["w"], max(line, place["h"])
    return panels


def dashboard(uid, title, description, variables, panels, others):
    """`others`: uid → title of the dashboards that it links to."""
    data_source = {"type": "datasource", "name": "datasource", "label": "Data source",
                   "query": "prometheus", "current": {"text": "Prometheus", "value": "prometheus"}}
    links = [{"type": "link", "title": name, "url": f"/d/{other}", "keepTime": True,
              "includeVars": False, "asDropdown": False, "targetBlank": False, "icon": "dashboard"}
             for other, name in others.items()]
    return {"uid": uid, "title": title, "description": description, "tags": ["cecollm"],
            "schemaVersion": 39, "version": 1, "editable": True, "timezone": "browser",
            "refresh": "10s", "time": {"from": "now-30m", "to": "now"},
            "templating": {"list": [data_source, *variables]}, "links": links,
            "annotations": {"list": []}, "panels": _place(panels)}
