"""A real API server of Kubernetes, alone: no nodes, no controllers, so nothing but what is asked for changes a number of
replicas. kube-apiserver is built from its Go module and kept under `.build/`; etcd is the machine's own."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from environment import BUILD, alone  # noqa: E402

VERSION = "1.37.2"
BINARY = BUILD / f"kube-apiserver-{VERSION}"
BUILD_DEADLINE_S = 3600
READY_DEADLINE_S = 180
CALL_S = 30


def missing():
    """What the machine lacks, as a sentence; None if it lacks nothing."""
    if not shutil.which("etcd"):
        return "etcd is not installed (Debian package etcd-server)"
    if not shutil.which("openssl"):
        return "openssl is not installed (Debian package openssl)"
    if not BINARY.exists() and not shutil.which("go"):
        return "Go is not installed (go.dev), and kube-apiserver is built with it"
    return None


def build():
    """kube-apiserver, built once. Its module cannot be installed by name: it wants its sister modules from its own tree, which
    are published under numbers of their own."""
    with alone("kube-apiserver"):
        if BINARY.exists():
            return
        print(f"==> building kube-apiserver {VERSION}, once: some minutes", flush=True)
        folder = BUILD / "kube-apiserver-module"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOWORK": "off"}

        def go(*arguments):
            done = subprocess.run(["go", *arguments], cwd=folder, env=env, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=BUILD_DEADLINE_S)
            if done.returncode:
                raise subprocess.CalledProcessError(done.returncode, ["go", *arguments], stderr=done.stderr[-3000:])
            return done.stdout

        module = json.loads(go("mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"))
        theirs = Path(module["GoMod"]).read_text()
        sisters = re.findall(r"^\t(\S+) => \./staging/", theirs, flags=re.MULTILINE)
        go_version = re.search(r"^go (\S+)$", theirs, flags=re.MULTILINE)[1]
        numbered = "0." + VERSION.split(".", 1)[1]
        (folder / "go.mod").write_text(
            f"module kubeapiserver\n\ngo {go_version}\n\nrequire k8s.io/kubernetes v{VERSION}\n\nreplace (\n"
            + "".join(f"\t{sister} => {sister} v{numbered}\n" for sister in sisters) + ")\n"
        )
        version = "-X k8s.io/component-base/version.gitVersion=v" + VERSION
        go("build", "-trimpath", "-ldflags", f"-s -w {version}", "-o", str(folder / "built"), "k8s.io/kubernetes/cmd/kube-apiserver")
        (folder / "built").rename(BINARY)


def free_ports(count):
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Certificates:
    """An authority that lives as long as the test, and what it vouches for."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder / "ca.crt"
        self.make("ca", "/CN=throwaway", "basicConstraints=critical,CA:TRUE")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       timeout=CALL_S)

    def make(self, name, subject, *extensions, by=()):
        more = [word for extension in extensions for word in ("-addext", extension)]
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                     "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", subject, *by, *more)
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def vouched(self, name, subject, *extensions):
        return self.make(name, subject, "basicConstraints=CA:FALSE", *extensions, by=("-CA", "ca.crt", "-CAkey", "ca.key"))

    def key_pair(self, name):
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", f"{name}.key")
        self.openssl("pkey", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pub")
        return self.folder / f"{name}.pub", self.folder / f"{name}.key"


class Administrator:
    """Calls of who may do everything, by a certificate."""

    def __init__(self, port, certificates, certificate, key):
        self.port = port
        self.tls = ssl.create_default_context(cafile=certificates.authority)
        self.tls.load_cert_chain(certificate, key)

    def call(self, method, path, body=None, content_type="application/json"):
        """(status, the answer)."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=CALL_S)
        with contextlib.closing(connection):
            headers = {"Content-Type": content_type, "Accept": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()

    def make(self, path, body):
        status, answer = self.call("POST", path, body)
        assert status in (200, 201), f"{path}: {status} {answer}"
        return answer

    def get(self, path):
        status, answer = self.call("GET", path)
        assert status == 200, f"{path}: {status} {answer}"
        return answer


@contextlib.contextmanager
def process(command, log):
    with open(log, "w") as said:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(CALL_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until_ready(administrator, server, log):
    end = time.monotonic() + READY_DEADLINE_S
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if administrator.call("GET", "/readyz")[0] == 200:
                return
        assert server.poll() is None and time.monotonic() < end, f"kube-apiserver does not start:\n{log.read_text()[-3000:]}"
        time.sleep(0.2)


@contextlib.contextmanager
def api_server(folder):
    """etcd and kube-apiserver on ports of the loopback; yields the address, the certificates and the administrator."""
    certificates = Certificates(folder)
    certificate, key = certificates.vouched("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth")
    public, private = certificates.key_pair("accounts")
    client_port, peer_port, port = free_ports(3)
    store = f"http://127.0.0.1:{client_port}"
    peers = f"http://127.0.0.1:{peer_port}"
    etcd = ["etcd", "--name", "one", "--data-dir", str(folder / "etcd"), "--listen-client-urls", store,
            "--advertise-client-urls", store, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
            "--initial-cluster", f"one={peers}"]
    server = [str(BINARY), f"--etcd-servers={store}", "--bind-address=127.0.0.1", f"--secure-port={port}",
              f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--client-ca-file={certificates.authority}",
              "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={public}",
              f"--service-account-signing-key-file={private}", "--authorization-mode=RBAC",
              "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none"]
    administrator = Administrator(
        port, certificates, *certificates.vouched("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth"))
    log = folder / "kube-apiserver.log"
    with process(etcd, folder / "etcd.log"), process(server, log) as started:
        wait_until_ready(administrator, started, log)
        yield f"https://127.0.0.1:{port}", certificates, administrator
