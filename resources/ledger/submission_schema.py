"""The ledger's tables of what is handed to Batch APIs: submissions, and their lines until they are settled."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from evergrow.resources.ledger.schema import metadata

submissions = Table(
    "submissions",
    metadata,
    Column("submission_id", String(32), primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("endpoint", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("batch", Text, nullable=False, index=True),
    Column("created_at", Double, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("input_file_id", Text),
    Column("batch_id", Text),
    Column("submitted_at", Double),
    Column("polled_at", Double),
    Column("status", Text),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("output_file_id", Text),
    Column("error_file_id", Text),
    Column("finished_at", Double),
    Column("reason", Text),
)

# A line is `open` until its reply or failure is known; the text of its request then stands in `calls`, not here.
lines = Table(
    "submission_lines",
    metadata,
    Column("submission_id", String(32), primary_key=True),
    Column("call_id", String(80), primary_key=True),
    Column("request_key", String(64), nullable=False),
    Column("slot", Integer, nullable=False),
    Column("draw", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("error_class", Text),
    Column("error_message", Text),
    Index("submission_lines_by_call", "call_id"),
    Index("submission_lines_by_state", "state"),
)
