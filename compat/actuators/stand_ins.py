#!/usr/bin/env python3
"""The actuators of `millstream scale` against stand-ins of other people's making: an EC2 Auto Scaling group of moto's,
and a Deployment and a StatefulSet of kmock's. The suite that judges them is the crate's own, compiled as
`compat/rust/tests/actuators.rs`; what the stand-ins keep is looked at from here, through AWS's own client.

Prints `N passed, N failed, N skipped`.
"""

import asyncio
import contextlib
import logging
import os
import re
import subprocess
import threading
from pathlib import Path

import boto3
import kmock
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 600
START_DEADLINE_S = 60
GROUP, SIZE_MAX = "till", 10
NAMESPACE, NAME = "shop", "till"
KINDS = {"deployments": "Deployment", "statefulsets": "StatefulSet"}


@contextlib.contextmanager
def auto_scaling():
    """moto's Auto Scaling with an empty group; yields its address and AWS's client for it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1",
                   "aws_access_key_id": "compat", "aws_secret_access_key": "compat"}
        image = boto3.client("ec2", **options).describe_images()["Images"][0]["ImageId"]
        client = boto3.client("autoscaling", **options)
        client.create_launch_configuration(LaunchConfigurationName=GROUP, ImageId=image, InstanceType="t3.micro")
        client.create_auto_scaling_group(
            AutoScalingGroupName=GROUP, LaunchConfigurationName=GROUP, AvailabilityZones=["us-east-1a"],
            MinSize=0, MaxSize=SIZE_MAX, DesiredCapacity=0,
        )
        yield options["endpoint_url"], client
    finally:
        server.stop()


@contextlib.contextmanager
def kubernetes():
    """kmock's API server with what is scaled, without replicas; yields its address and its objects."""
    loop, started, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found = {}

    async def serve():
        async with kmock.KubernetesEmulator() as api, kmock.Server(api) as server:
            for plural, kind in KINDS.items():
                key = kmock.resource("apps", "v1", plural)
                api.resources[key] = {"kind": kind, "namespaced": True, "subresources": {"scale"}}
                api.objects[key, NAMESPACE, NAME] = {
                    "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE},
                    "spec": {"replicas": 0},
                }
            found.update(url=str(server.url).rstrip("/"), api=api)
            started.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    try:
        assert started.wait(START_DEADLINE_S), "kmock does not start"
        yield found["url"], found["api"]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(START_DEADLINE_S)


def judged(env):
    """(passed, failed) of the crate's suite."""
    done = subprocess.run(
        # Of the whole workspace, so that its dependencies are those that its other tests have compiled.
        ["cargo", "test", "--locked", "--workspace", "--test", "actuators"],
        cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, timeout=DEADLINE_S,
    )
    # The one line that counts is the one that main prints.
    print(re.sub("^test result: ", "result: ", done.stdout, flags=re.MULTILINE), flush=True)
    passed, failed = (sum(map(int, re.findall(rf"(\d+) {kind}", done.stdout))) for kind in ("passed", "failed"))
    return passed, max(failed, int(done.returncode != 0 or not passed))


def what_is_wrong(group, api):
    """What the suite left behind that it should not have."""
    described = group.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]
    if described["DesiredCapacity"] or described["Instances"]:
        yield f"the group is not empty: {described['DesiredCapacity']} wanted, {len(described['Instances'])} there"
    # moto takes any capacity: what is above the group's most must never have been asked for.
    if described["MaxSize"] != SIZE_MAX:
        yield f"the group's bounds changed: {described}"
    patches = [request for request in api if request.method == "PATCH"]
    for plural in KINDS:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/{plural}/{NAME}/scale"
        if not any(request.url.path == path for request in patches):
            yield f"{path} was never changed"
    for request in api:
        if request.headers.get("Authorization") != "Bearer compat":
            yield f"without its token: {request.method} {request.url.path}"
        if request.method == "PATCH" and request.headers.get("Content-Type") != "application/merge-patch+json":
            yield f"not as a merge patch: {request.url.path}"


def main():
    # One line for each request tells nobody anything.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with auto_scaling() as (group_url, group), kubernetes() as (kubernetes_url, api):
        passed, failed = judged({"MILLSTREAM_AUTO_SCALING": group_url, "MILLSTREAM_KUBERNETES": kubernetes_url})
        wrong = list(what_is_wrong(group, api))
    for what in wrong:
        print(f"actuators: {what}")
    print(f"{passed + int(not wrong)} passed, {failed + int(bool(wrong))} failed, 0 skipped")


main()
