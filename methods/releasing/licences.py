"""Which licence a release may name: the one that is set, or the one that all seeds share; never one made up.

A card's front matter knows licences by the names of the Hugging Face hub, which are SPDX identifiers in small letters,
but for a few; all else is `other` with its own name, or `unknown`.
"""

import re
from dataclasses import dataclass

import polars as pl

# huggingface.co/docs/hub/repositories-licenses
_HUB = (
    "apache-2.0 mit afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 "
    "cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 "
    "cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl "
    "gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc ms-pl mpl-2.0 odc-by odbl osl-3.0 postgresql ofl-1.1 ncsa "
    "unlicense zlib pddl"
)
HUB_LICENCES = frozenset(_HUB.split())
UNKNOWN, OTHER = "unknown", "other"


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of a release.

    Attributes:
        name: as it was set, or as the seeds say; None where it is not one.
        hub: what a card's front matter says.
        why: a sentence for the card.
    """

    name: str | None
    hub: str
    why: str


def seed_licences(rows: pl.DataFrame) -> pl.DataFrame:
    """`licence, rows`: how many rows come from seeds of which licence, most first; null where seeds do not say."""
    named = pl.col("license").str.strip_chars() if "license" in rows.columns else pl.lit(None, pl.String)
    licence = pl.when(named != "").then(named)
    return (
        rows.select(licence=licence).group_by("licence").len("rows").sort(["rows", "licence"], descending=[True, False])
    )


def resolve(licences: pl.DataFrame, given: str | None) -> Licence:
    """The licence of a release.

    Args:
        licences: as `seed_licences` returns them.
        given: the one that the settings name, which goes before what the seeds say.
    """
    if given:
        return Licence(given, hub_name(given), "It was chosen by whoever made the release.")
    names = licences["licence"].drop_nulls().to_list()
    if not names:
        return Licence(None, UNKNOWN, "Nothing is known of the seeds' licences.")
    if len(names) == 1 and licences.height == 1:
        return Licence(names[0], hub_name(names[0]), "It is the licence of all seeds.")
    silent = " and some say nothing" if licences["licence"].has_nulls() else ""
    return Licence(None, OTHER, f"The seeds differ in their licences{silent}: each row says its own.")


def hub_name(licence: str) -> str:
    """The hub's name of a licence: `Apache-2.0` -> `apache-2.0`; "other" for one that the hub does not know."""
    small = re.sub(r"-(only|or-later)$", "", licence.strip().lower())
    return next((name for name in (small, small.removesuffix("-1.0")) if name in HUB_LICENCES), OTHER)
