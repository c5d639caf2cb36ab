"""The ledger's tables, for SQLite and PostgreSQL alike."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("call_id", String(80), primary_key=True),
    Column("request_key", String(64), nullable=False, index=True),
    Column("slot", Integer, nullable=False),
    Column("draw", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("answered_at", Double, nullable=False),
    Column("latency_s", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("model_returned", Text),
    Column("reply", Text),
    Column("checksum", String(64)),
    Column("finish_reason", Text),
    Column("tokens_in", BigInteger),
    Column("tokens_cached", BigInteger),
    Column("tokens_out", BigInteger),
    Column("price_version", Text),
    Column("usd", Double),
    Column("error_class", Text),
    Column("error_message", Text),
    Column("base_url", Text),
    Column("tokens_thought", BigInteger),
    # Sums by batch, run and month read these indexes alone, not the rows with their long texts.
    Index("calls_by_batch", "batch", "tokens_in", "tokens_out", "usd", "model", "error_class", "asset"),
    Index("calls_by_run", "run_id", "tokens_in", "tokens_out", "usd", "model", "error_class"),
    Index("calls_by_time", "answered_at", "tokens_in", "tokens_out", "usd", "model", "error_class"),
)

capabilities = Table(
    "capabilities",
    metadata,
    Column("base_url", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("answers", Text, nullable=False),
)
