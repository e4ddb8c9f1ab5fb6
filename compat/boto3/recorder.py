"""What botocore itself saw of each call, for the table in docs/compatibility.md.

A line of JSON for each new kind of outcome goes to the file that `MILLSTREAM_COMPAT_SEEN` names, if it names one.
"""

import json
import os

import boto3


class Recorder:
    """Listens to a client's calls; what it writes comes from botocore's events, not from the tests."""

    def __init__(self):
        self.path = os.environ.get("MILLSTREAM_COMPAT_SEEN")
        self.written = set()

    def listen(self, client):
        if self.path:
            client.meta.events.register("before-call.kinesis", self.before)
            client.meta.events.register("after-call.kinesis", self.after)
        return client

    def before(self, params, context, **_):
        context["compat_content_type"] = params["headers"]["Content-Type"]

    def after(self, http_response, parsed, model, context, **_):
        error = parsed.get("Error")
        line = json.dumps({
            "sdk": "boto3",
            "version": boto3.__version__,
            "operation": model.name,
            "outcome": "error" if error else "success",
            "code": error["Code"] if error else None,
            "encoding": context["compat_content_type"],
            "http": {10: "1.0", 11: "1.1", 20: "2"}[http_response.raw.version],
        })
        if line not in self.written:
            self.written.add(line)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
