"""What belongs to an account: its limits and its settings."""


def test_limits_count_shards_and_streams(new_account, make_stream):
    make_stream(2, client=new_account)
    make_stream(None, client=new_account, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    limits = new_account.describe_limits()
    assert limits["OpenShardCount"] == 2
    assert limits["OnDemandStreamCount"] == 1
    assert limits["ShardLimit"] >= 2
    assert limits["OnDemandStreamCountLimit"] >= 1


def test_a_commitment_is_entered(new_account):
    commitment = new_account.describe_account_settings()["MinimumThroughputBillingCommitment"]
    assert commitment == {"Status": "DISABLED"}
    answer = new_account.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    commitment = answer["MinimumThroughputBillingCommitment"]
    assert commitment["Status"] == "ENABLED"
    assert commitment["EarliestAllowedEndAt"] > commitment["StartedAt"]
    assert new_account.describe_account_settings()["MinimumThroughputBillingCommitment"] == commitment
    answer = new_account.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    assert answer["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"


def test_a_commitment_has_a_status(kinesis, refused):
    with refused("ValidationException", contains="Member must satisfy enum value set"):
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "PERHAPS"})


def test_nobody_asks_without_credentials(unsigned, refused):
    for call in (unsigned.describe_limits, unsigned.describe_account_settings):
        with refused("MissingAuthenticationTokenException", "Missing Authentication Token"):
            call()
