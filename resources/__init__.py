"""Everything that touches the world: models, ledger, embeddings, lake, seed files, settings.

No Dagster asset and no step of a method may live here.
"""
