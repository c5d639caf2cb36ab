"""What reading a lake on an object store costs: `python -m benchmarks.remote_lake [--rows 200000] [--latency-ms 20]`.

A table of texts lies on an S3-compatible server on loopback, each request to which waits as long as one over a network
does. It is read as evergrow reads it, by a verified copy, and as polars would over the network, without a check.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from evergrow.resources.lake.content_files import Files
from tests.object_store import BUCKET, ObjectStore, Proxy, forget_clients, variables


class Distant(Proxy):
    """Every request waits before it is passed on."""

    latency_s = 0.0

    def fault(self, method: str) -> str:
        """None; it only takes its time."""
        time.sleep(self.latency_s)
        return super().fault(method)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    given = parser.parse_args()
    store = ObjectStore()
    proxy = Distant(store.url)
    proxy.latency_s = given.latency_ms / 1000
    os.environ.update(variables(proxy.url))
    forget_clients()
    frame = pl.select(
        id=pl.int_range(given.rows).cast(pl.String),
        content=pl.int_range(given.rows).hash(1).cast(pl.String) + pl.int_range(given.rows).hash(2).cast(pl.String),
        complexity=pl.int_range(given.rows) % 10,
    )
    with tempfile.TemporaryDirectory() as folder:
        writer = Files(f"s3://{BUCKET}/lake", Path(folder) / "writer")
        path, _ = writer.put("t", ".parquet", lambda file: frame.write_parquet(file, compression="zstd"))
        size = (Path(folder) / "writer" / path).stat().st_size
        reader = Files(f"s3://{BUCKET}/lake", Path(folder) / "reader")
        again = Files(f"s3://{BUCKET}/lake", Path(folder) / "reader")
        options = {"aws_endpoint_url": proxy.url, "aws_allow_http": "true", "aws_region": "us-east-1"}
        far = reader.locate(path)
        ways: list[tuple[str, Callable[[], pl.LazyFrame]]] = [
            ("verified copy, first read of a machine", lambda: pl.scan_parquet(reader.copy(path), glob=False)),
            ("verified copy, next process", lambda: pl.scan_parquet(again.copy(path), glob=False)),
            ("verified copy, same process", lambda: pl.scan_parquet(again.copy(path), glob=False)),
            ("scan over the network, unverified", lambda: pl.scan_parquet(far, storage_options=options)),
        ]
        shown = Table(title=f"{given.rows:,} rows, {size / 1e6:.0f} MB, {given.latency_ms:.0f} ms a request")
        for name in ("way", "one column of three, s", "all, s", "GETs"):
            shown.add_column(name, justify="left" if name == "way" else "right")
        for name, scan in ways:
            before = proxy.seen["GET"]
            times = []
            for wanted in (pl.col("complexity").sum(), pl.all()):
                start = time.perf_counter()
                scan().select(wanted).collect()
                times.append(time.perf_counter() - start)
            shown.add_row(name, *(f"{one:.2f}" for one in times), str(proxy.seen["GET"] - before))
    proxy.close()
    store.close()
    Console().print(shown)


if __name__ == "__main__":
    main()
