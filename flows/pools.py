"""The limits of pools: how many steps that ask models, and that embed, work at a time on an instance."""

import dagster as dg
from sqlalchemy.exc import DBAPIError

POOLS = ("gpu", "llm")  # of the tables


def make_pools(instance: dg.DagsterInstance) -> None:
    """Have the limits of pools be there before runs are: of two that find none on PostgreSQL, the second one fails."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits or instance.global_op_concurrency_default_limit is None:
        return
    for pool in sorted(set(POOLS) - storage.get_concurrency_keys()):
        try:
            storage.initialize_concurrency_limit_to_default(pool)
        except DBAPIError:  # another process has made it meanwhile, or nobody could
            if pool not in storage.get_concurrency_keys():
                raise
