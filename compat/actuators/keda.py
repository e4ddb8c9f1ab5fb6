#!/usr/bin/env python3
"""`millstream scale` as KEDA asks it: gRPC's own client for Python, with code made from KEDA's own protocol.

A consumer with one slow worker falls behind; nobody starts others, as KEDA would. What is asked for has to rise with what is
left, within the bound, and to be pushed.

Prints `N passed, N failed, N skipped`.
"""

import contextlib
import importlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import grpc
import grpc_tools
from grpc_tools import protoc

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from counted import Checks  # noqa: E402
from fresh_server import binary, server  # noqa: E402
from slow_consumer import DEADLINE_S, properties, running, until  # noqa: E402

HERE = Path(__file__).resolve().parent
CALL_S = 20
STREAM, APPLICATION, SHARDS, WORKERS_MAX = "orders", "till", 4, 3
LISTENS = re.compile(r"KEDA may ask.*address=(\S+)")
PAGE = re.compile(r"lag may be read at /metrics.*address=(\S+)")


def protocol(folder):
    """The modules that gRPC makes of KEDA's protocol."""
    wrong = protoc.main(["protoc", f"-I{HERE}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
                         f"--python_out={folder}", f"--grpc_python_out={folder}", str(HERE / "externalscaler.proto")])
    assert not wrong, "KEDA's protocol cannot be compiled"
    sys.path.insert(0, str(folder))
    return importlib.import_module("externalscaler_pb2"), importlib.import_module("externalscaler_pb2_grpc")


class Asking:
    """What KEDA calls, and what it was answered."""

    def __init__(self, messages, stub):
        self.messages, self.stub = messages, stub

    def object(self, application=APPLICATION):
        return self.messages.ScaledObjectRef(name="till", namespace="shop", scalerMetadata={"application": application})

    def wanted(self, **options):
        request = self.messages.GetMetricsRequest(scaledObjectRef=self.object(**options), metricName="workers")
        (value,) = self.stub.GetMetrics(request, timeout=CALL_S).metricValues
        assert value.metricName == "workers" and value.metricValue == value.metricValueFloat, value
        return value.metricValueFloat

    def refusal(self, call):
        try:
            call()
        except grpc.RpcError as error:
            return error.code()
        return None

    def pushed(self, call):
        """A queue of what a stream brings; None at its end."""
        messages, stream = queue.Queue(), call(self.object())

        def listen():
            with contextlib.suppress(grpc.RpcError):
                for message in stream:
                    messages.put(message)
            messages.put(None)

        threading.Thread(target=listen, daemon=True).start()
        return messages


def left_on_the_page(address):
    """Records that are not finished, summed over the shards, as the scaler's page has them."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=CALL_S) as answer:
        page = answer.read().decode()
    assert "\nmillstream_application_looks 1\n" in page, page
    of_shard = rf'^millstream_application_behind_records{{application="{APPLICATION}",stream="{STREAM}",shard="[^"]+"}} (\d+)$'
    left = re.findall(of_shard, page, flags=re.MULTILINE)
    assert len(left) == SHARDS, page
    return sum(map(int, left))


def write_file(folder):
    (folder / "till.toml").write_text(
        f'application = "{APPLICATION}"\nstream = "{STREAM}"\ngoal = "8s"\nlook = "1s"\nsettling = "3s"\nquiet = "60s"\n'
        f'log = "{folder}/decisions.jsonl"\nmetrics-listen = "127.0.0.1:0"\n[workers]\nmax = {WORKERS_MAX}\nrecords-per-s = 10\n'
        'keda = { listen = "127.0.0.1:0" }\n'
    )


def judge(check, folder, endpoint):
    messages, calls = protocol(folder)
    write_file(folder)
    consumer = properties(folder, STREAM, APPLICATION)
    env = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}

    def millstream(*arguments, **options):
        return subprocess.run([binary(), *arguments], env=env, check=True, timeout=DEADLINE_S, text=True, **options)

    millstream("streams", "create", STREAM, "--shards", str(SHARDS))
    log = folder / "scale.log"
    with running([binary(), "scale", str(folder / "till.toml")], {**env, "RUST_LOG": "info", "NO_COLOR": "1"}, log):
        address = until("it listens", lambda: LISTENS.search(log.read_text()))[1]
        with grpc.insecure_channel(address) as channel:
            asking = Asking(messages, calls.ExternalScalerStub(channel))
            (spec,) = asking.stub.GetMetricSpec(asking.object(), timeout=CALL_S).metricSpecs
            check("the target is one for each replica",
                  (spec.metricName, spec.targetSize, spec.targetSizeFloat) == ("workers", 1, 1.0))
            check("a ScaledObject of another application is refused",
                  asking.refusal(lambda: asking.wanted(application="other")) == grpc.StatusCode.INVALID_ARGUMENT)
            active, specs = asking.pushed(asking.stub.StreamIsActive), asking.pushed(asking.stub.StreamMetricSpec)
            check("the target is pushed at once", list(specs.get(timeout=CALL_S).metricSpecs) == [spec])
            # Without a table of leases as many are wanted as there are to be at least.
            until("a worker is wanted", lambda: asking.refusal(asking.wanted) is None)
            check("one worker is wanted, and that is pushed",
                  asking.wanted() == 1 and active.get(timeout=CALL_S).result
                  and asking.stub.IsActive(asking.object(), timeout=CALL_S).result)
            with running([binary(), "multilang", "--properties", str(consumer)], env, folder / "worker.log"):
                millstream("records", "put", STREAM, "--quiet", stdout=subprocess.DEVNULL,
                           input="".join(f"{number}\n" for number in range(1000)))
                wanted = until("more are wanted", lambda: (now := asking.wanted()) > 1 and now)
                check("more are wanted while a thousand are left, and that is pushed",
                      1 < wanted <= WORKERS_MAX and active.get(timeout=CALL_S).result)
                until("as many as the bound allows", lambda: asking.wanted() == WORKERS_MAX)
                check("as many as the bound allows", True)
                check("Prometheus reads what is left", left_on_the_page(PAGE.search(log.read_text())[1]) > 0)
    ended = [stream.get(timeout=CALL_S) for stream in (active, specs)]
    while ended[0] is not None:
        ended[0] = active.get(timeout=CALL_S)
    check("streams end with the scaler", ended == [None, None])
    decided = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    check("the log says why", any("are too slow to be done within 8 s" in " ".join(one.get("because", [])) for one in decided))


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="keda-") as folder, server() as endpoint, checks.or_one_failed():
        judge(checks, Path(folder), endpoint)
    checks.end()


main()
