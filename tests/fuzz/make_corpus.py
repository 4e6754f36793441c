#!/usr/bin/env python3
"""Writes the binary seeds of tests/fuzz/corpus anew: wire messages and streams of them, safetensors
files, recordings; and the chat templates of the fixtures. Other textual seeds stay as they are. Needs protoc.
  tests/fuzz/make_corpus.py"""
import json
import pathlib
import struct
import subprocess

FUZZ = pathlib.Path(__file__).resolve().parent
ROOT = FUZZ.parent.parent
CORPUS = FUZZ / "corpus"

SAMPLING = ("sampling { temperature: 0.7 top_k: 40 top_p: 0.9 min_p: 0.05 repetition_penalty: 1.1 "
            "presence_penalty: 0.5 frequency_penalty: -0.5 seed: 7 top_logprobs: 3 "
            "logit_bias { token: 5 bias: -100 } logit_bias { token: 6 bias: 1.5 } }")
MESSAGES = {
    "hello": 'hello { version_min: 1 version_max: 1 software: "cecollm 0.1.0" instance: 81985529216486895 '
             'model { config: "c0ffee" shared: "beef" whole: "" exit_layers: [3, 6] } '
             'row_dtype: "fp16" hidden_size: 320 }',
    "welcome": 'welcome { version: 1 software: "cecollm 0.1.0" max_frame_bytes: 8388608 '
               'max_contexts: 64 max_positions: 512 heartbeat_ms: 2000 cloud_only: true }',
    "open_context": f'open_context {{ context: 1 epoch: 2 {SAMPLING} prompt: [1, 2, 300] }}',
    "rows_held": 'rows_held { context: 1 epoch: 2 next_sequence: 17 }',
    "row_batch": 'row_batch { context: 1 epoch: 2 first_sequence: 17 payload: "0123456789abcdef" }',
    "ask": 'ask { context: 1 epoch: 2 position: 18 remaining_ms: 250 emitted: [5, 6] }',
    "reply": 'reply { context: 1 epoch: 2 position: 18 token: 42 confidence: 0.5 logprob: -0.7 '
             'top { token: 42 logprob: -0.7 } top { token: 7 logprob: -1.5 } queue_us: 100 '
             'compute_us: 2000 next_sequence: 18 }',
    "close_context": 'close_context { context: 1 epoch: 2 }',
    "generate": f'generate {{ context: 3 epoch: 1 {SAMPLING} prompt: [9, 8] max_tokens: 20 '
                'ignore_eos: true }',
    "generated": 'generated { context: 3 epoch: 1 index: 4 token: 5 confidence: 0.25 logprob: -2 '
                 'top { token: 5 logprob: -2 } compute_us: 900 last: true }',
    "ping": 'ping { nonce: 1 }',
    "pong": 'pong { nonce: 1 }',
    "fault": 'fault { code: FAULT_SEQUENCE_GAP message: "rows are missing" context: 1 epoch: 2 '
             'retry_after_ms: 10 next_sequence: 17 position: 18 }',
    "go_away": 'go_away { reason: "shutting down" retry_after_ms: 500 }',
}


def envelope(text):
    return subprocess.run(
        ["protoc", "--encode=cecollm.wire.Envelope", f"--proto_path={ROOT / 'transport'}", "wire.proto"],
        input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def frame(body):
    return struct.pack(">I", len(body)) + body


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def safetensors(header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def recording():
    header = json.dumps({
        "config_digest": "c", "shared_digest": "s", "whole_digest": "w", "hidden_size": 2,
        "num_layers": 4, "vocab_size": 10, "max_positions": 16, "exit_layers": [1, 2], "eos": [0],
        "thresholds": [0.8, 0.8], "row_dtype": "fp32"}).encode()
    readings = struct.pack("<ifI", 3, 0.5, 100), struct.pack("<ifI", 4, 0.9, 100)
    by_exit = struct.pack("<ihBB", 4, 1, 2, 0) + readings[0] + readings[1]
    by_cloud = struct.pack("<ihBB", 5, -1, 2, 1) + readings[0] + readings[0] + struct.pack("<i", 6)
    rows = struct.pack("<8f", *range(8))
    generation = struct.pack("<II", 3, 2) + struct.pack("<3i", 1, 2, 3) + by_exit + by_cloud + rows
    return (b"CECOLREC" + struct.pack("<II", 1, len(header)) + header + generation
            + struct.pack("<II", 0, 1))


def templates():
    cases = json.loads((ROOT / "tests/fixtures/chat_templates/cases.json").read_text(encoding="utf-8"))
    for case in cases["chats"]:
        write("chat_template", case["name"].split(",")[0], case["template"].encode())
    for i, case in enumerate(cases["constructs"]):
        write("chat_template", f"construct_{i:02}", case["template"].encode())
    for i, source in enumerate(cases["failures"]):
        write("chat_template", f"failure_{i:02}", source.encode())


def main():
    bodies = {name: envelope(text) for name, text in MESSAGES.items()}
    for name, body in bodies.items():
        write("wire_message", name, body)
    write("frame_stream", "conversation", b"".join(frame(body) for body in bodies.values()))
    write("frame_stream", "one", frame(bodies["ping"]))
    write("frame_stream", "empty_frame", frame(b""))
    write("frame_stream", "too_large", b"\x7f\xff\xff\xff")
    header = {"__metadata__": {"format": "pt"},
              "a": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
              "b": {"dtype": "BF16", "shape": [16], "data_offsets": [32, 64]}}
    write("safetensors", "file", safetensors(header, bytes(64)))
    write("safetensors", "header", json.dumps(header).encode())
    write("safetensors", "short", safetensors(header, bytes(8)))
    templates()
    write("recording", "two_tokens", recording())


if __name__ == "__main__":
    main()
