#!/usr/bin/env python3
"""`millstream scale` against a real API server of Kubernetes: as a service account, with the token and the authority that a
pod is given, it changes the number of replicas of a Deployment and of a StatefulSet; and what the server refuses is told.

Skipped, by name, where etcd or Go is missing. Prints `N passed, N failed, N skipped`.
"""

import contextlib
import http.server
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from api_server import VERSION, api_server, build, missing
from counted import Checks
from slow_consumer import DEADLINE_S, properties, running, until

from fresh_server import binary, server

NAMESPACE, APPLICATION, STREAM = "shop", "till", "orders"
WORKERS_MAX, SHARDS = 3, 4
PLURALS = {"deployment": ("deployments", "Deployment"), "stateful-set": ("statefulsets", "StatefulSet")}
WITHDRAWN = "somebody else changed it: try again"


def path_of(kind, name="till"):
    return f"/apis/apps/v1/namespaces/{NAMESPACE}/{PLURALS[kind][0]}/{name}"


def set_up(administrator):
    """What is scaled, and two accounts: one that may, one that may only look."""
    administrator.make("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    labels = {"app": "till"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "till", "image": "till"}]}}
    for kind, (plural, name) in PLURALS.items():
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
        if kind == "stateful-set":
            spec["serviceName"] = "till"
        administrator.make(f"/apis/apps/v1/namespaces/{NAMESPACE}/{plural}", {
            "apiVersion": "apps/v1", "kind": name, "metadata": {"name": "till"}, "spec": spec})
    scales = [f"{plural}/scale" for plural, _ in PLURALS.values()]
    rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    # As docs/scaling.md says what is needed.
    for account, verbs in (("scaler", ["get", "patch"]), ("reader", ["get"])):
        administrator.make(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": account}})
        administrator.make(f"{rights}/roles", {
            "metadata": {"name": account}, "rules": [{"apiGroups": ["apps"], "resources": scales, "verbs": verbs}]})
        administrator.make(f"{rights}/rolebindings", {
            "metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]})


def token(administrator, folder, account):
    """The file of a token for an account, as a pod is given one."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    made = administrator.make(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token", asked)
    path = folder / f"{account}.token"
    path.write_text(made["status"]["token"])
    return path


class Refusals(http.server.BaseHTTPRequestHandler):
    """A webhook that is asked about each change of a scale: the first few it answers with a conflict."""

    left = 0

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        cls = type(self)
        answer = {"uid": review["request"]["uid"], "allowed": cls.left == 0}
        if cls.left:
            cls.left -= 1
            answer["status"] = {"code": 409, "reason": "Conflict", "message": WITHDRAWN}
        text = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def webhook(certificates):
    """The webhook; yields its address."""
    pair = certificates.vouched("webhook", "/CN=webhook", "subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*pair)
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusals)
    serving.socket = tls.wrap_socket(serving.socket, server_side=True)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{serving.server_address[1]}/"
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join(DEADLINE_S)


def ask_first(administrator, certificates, url):
    """Registers the webhook, and waits until the server asks it: it learns of it on its own time."""
    bundle = base64.b64encode(certificates.authority.read_bytes()).decode()
    administrator.make("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "till"},
        "webhooks": [{
            "name": "till.example.com", "clientConfig": {"url": url, "caBundle": bundle}, "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}],
        }]})
    Refusals.left = 1
    dry = path_of("deployment") + "/scale?dryRun=All"

    def is_asked():
        administrator.call("PATCH", dry, {"spec": {"replicas": 9}}, "application/merge-patch+json")
        return Refusals.left == 0

    until("the webhook is asked", is_asked)


class Judge:
    def __init__(self, check, folder, endpoint, address, certificates, administrator):
        self.check = check
        self.folder, self.address, self.certificates, self.administrator = folder, address, certificates, administrator
        self.env = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "RUST_LOG": "info", "NO_COLOR": "1"}

    def replicas(self, kind):
        return self.administrator.get(path_of(kind))["spec"].get("replicas", 0)

    def set_replicas(self, kind, count):
        body = {"spec": {"replicas": count}}
        status, answer = self.administrator.call("PATCH", path_of(kind), body, "application/merge-patch+json")
        assert status == 200, answer

    def file(self, kind, account="scaler", application=APPLICATION, least=1, most=WORKERS_MAX, name="till", authority=None):
        """The file for `millstream scale`, which speaks as an account."""
        bearer = self.folder / f"{account}.token"
        authority = authority or self.certificates.authority
        path = self.folder / "scale.toml"
        path.write_text(
            f'application = "{application}"\nstream = "{STREAM}"\ngoal = "8s"\nlook = "1s"\nsettling = "3s"\nquiet = "60s"\n'
            f'log = "{self.folder}/decisions.jsonl"\n[workers]\nmin = {least}\nmax = {most}\nrecords-per-s = 10\n'
            f'[workers.kubernetes]\n{kind} = "{name}"\nnamespace = "{NAMESPACE}"\nserver = "{self.address}"\n'
            f'token-file = "{bearer}"\nca-file = "{authority}"\n'
        )
        return path

    def scaling(self, path, log="scale.log"):
        return running([binary(), "scale", str(path)], self.env, self.folder / log)

    def millstream(self, *arguments, **options):
        return subprocess.run([binary(), *arguments], env=self.env, check=True, timeout=DEADLINE_S, text=True, **options)

    def failure(self, path):
        """What `millstream scale` says that cannot go on."""
        done = subprocess.run([binary(), "scale", str(path)], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=DEADLINE_S, text=True)
        return done.stderr if done.returncode else f"it succeeded: {done.stderr}"

    def replicas_follow(self):
        """A slow worker falls behind: as many as the bound allows; with a lower bound fewer, at once."""
        self.millstream("streams", "create", STREAM, "--shards", str(SHARDS))
        consumer = properties(self.folder, STREAM, APPLICATION)
        with running([binary(), "multilang", "--properties", str(consumer)], self.env, self.folder / "worker.log"):
            numbers = "".join(f"{number}\n" for number in range(3000))
            self.millstream("records", "put", STREAM, "--quiet", input=numbers, stdout=subprocess.DEVNULL)
            for kind, (plural, _) in PLURALS.items():
                before = self.administrator.get(path_of(kind))["metadata"]["generation"]
                with self.scaling(self.file(kind)):
                    until(f"{plural} grow", lambda kind=kind: self.replicas(kind) == WORKERS_MAX)
                with self.scaling(self.file(kind, most=2)):
                    until(f"{plural} shrink", lambda kind=kind: self.replicas(kind) == 2)
                found = self.administrator.get(path_of(kind))
                self.check(f"replicas of {plural} follow what is left, up to the bound and down to a lower one",
                           found["metadata"]["generation"] > before, found)
                writers = {field["manager"] for field in found["metadata"]["managedFields"] if field.get("subresource") == "scale"}
                self.check(f"the scale of {plural} alone is changed, by one writer", len(writers) == 1, found["metadata"])

    def others_write_too(self):
        """Somebody changes the same object all the time: a patch of the replicas does not conflict with that."""
        self.set_replicas("deployment", 1)
        stop, written = threading.Event(), []

        def write():
            while not stop.is_set():
                body = {"metadata": {"annotations": {"turn": str(len(written))}}}
                written.append(self.administrator.call("PATCH", path_of("deployment"), body, "application/merge-patch+json")[0])

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            with self.scaling(self.file("deployment", application="others", least=2)):
                until("two replicas", lambda: self.replicas("deployment") == 2)
        finally:
            stop.set()
            writer.join(DEADLINE_S)
        self.check("replicas follow while somebody else changes the object", set(written) == {200} and len(written) > 5, written[-5:])

    def conflicts(self):
        """Where the server does say that there is a conflict, that is told, and it is tried again."""
        self.set_replicas("deployment", 1)
        with webhook(self.certificates) as url:
            ask_first(self.administrator, self.certificates, url)
            Refusals.left = 2
            log = self.folder / "conflicts.log"
            with self.scaling(self.file("deployment", application="conflicts", least=2), log.name):
                until("two replicas", lambda: self.replicas("deployment") == 2)
            said = log.read_text()
            self.check("a conflict is told in the server's words, and it is tried again",
                       said.count(WITHDRAWN) == 2 and "PATCH of the scale of deployments/till in shop" in said and "409" in said, said)
            self.administrator.call("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/till")

    def refusals(self):
        self.set_replicas("stateful-set", 1)
        said = self.failure(self.file("stateful-set", account="reader", application="refused", least=2))
        forbidden = (
            f'PATCH of the scale of statefulsets/till in {NAMESPACE} was refused: statefulsets.apps "till" is forbidden: User '
            f'"system:serviceaccount:{NAMESPACE}:reader" cannot patch resource "statefulsets/scale" in API group "apps" in the '
            f'namespace "{NAMESPACE}"')
        self.check("who may not patch is told so", forbidden in said and self.replicas("stateful-set") == 1, said)
        said = self.failure(self.file("stateful-set", name="nothing", application="refused", least=2))
        self.check("what is not there is named", 'GET of the scale of statefulsets/nothing in shop was refused: ' in said
                   and '"nothing" not found' in said, said)
        (self.folder / "stranger.token").write_text("stranger")
        said = self.failure(self.file("stateful-set", account="stranger", application="refused", least=2))
        self.check("a token that the server did not make is refused", "was refused: Unauthorized" in said, said)
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        with self.scaling(self.file("stateful-set", authority=type(self.certificates)(elsewhere).authority, application="refused", least=2),
                          "distrust.log"):
            until("it says whom it does not trust", lambda: "certificate" in (self.folder / "distrust.log").read_text())
        self.check("a server of another authority is told nothing", self.replicas("stateful-set") == 1)


def judge(checks, folder, endpoint):
    began = time.monotonic()
    with api_server(folder) as (address, certificates, administrator):
        print(f"kube-apiserver {VERSION} is ready after {time.monotonic() - began:.1f} s", flush=True)
        set_up(administrator)
        for account in ("scaler", "reader"):
            token(administrator, folder, account)
        judging = Judge(checks, folder, endpoint, address, certificates, administrator)
        for part in (judging.replicas_follow, judging.others_write_too, judging.conflicts, judging.refusals):
            with checks.or_one_failed():
                part()


def main():
    if lack := missing():
        print(f"SKIPPED kubernetes: {lack}\n0 passed, 0 failed, 1 skipped")
        return
    build()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="kubernetes-") as folder, server() as endpoint, checks.or_one_failed():
        judge(checks, Path(folder), endpoint)
    checks.end()


main()
