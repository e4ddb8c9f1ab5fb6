"""Terraform with AWS's provider, told of nothing but an endpoint, keys and a region."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
STEP_DEADLINE_S = 120
CHANGES = 2  # Exit status of `plan -detailed-exitcode` if something is to be changed.
# Where the provider may lie, as Terraform's own mirror lays it out: it has some hundred megabytes, so it is taken from
# the machine and never downloaded.
ROOTS = [Path.home() / ".terraform.d", Path("/usr/local/share/terraform"), Path("/usr/share/terraform"), Path("/opt")]


def mirror():
    """The folder that holds AWS's provider; None if it is not there."""
    named = os.environ.get("MILLSTREAM_TERRAFORM_PLUGINS")
    folders = [Path(named)] if named else [folder for root in ROOTS if root.is_dir() for folder in root.iterdir()]
    return next((folder for folder in folders if folder.is_dir() and any(folder.glob("*/hashicorp/aws"))), None)


pytestmark = [
    pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed"),
    pytest.mark.skipif(mirror() is None, reason="the AWS provider of terraform is not on this machine"),
]


@pytest.fixture
def terraform(endpoint, tmp_path):
    settings = tmp_path / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror()}" }}\n}}\n')
    env = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "TF_CLI_CONFIG_FILE": str(settings),
        "TF_VAR_name": f"compat-{uuid.uuid4().hex[:12]}",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }

    def run(*arguments, allowed=(0,)):
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"], cwd=tmp_path, env=env, text=True, timeout=STEP_DEADLINE_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert done.returncode in allowed, done.stdout
        return done

    return run


@pytest.mark.parametrize("file", ["streams.tf", "leases.tf"])
def test_what_was_applied_needs_no_change_and_goes_away(terraform, tmp_path, file):
    shutil.copy(HERE / file, tmp_path)
    terraform("init", "-input=false")
    terraform("apply", "-auto-approve", "-input=false")
    planned = terraform("plan", "-detailed-exitcode", "-input=false", allowed=(0, CHANGES))
    assert planned.returncode == 0, planned.stdout
    terraform("destroy", "-auto-approve", "-input=false")
