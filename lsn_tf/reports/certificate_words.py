"""Certificates in plain words: what is proven of a model for every image, what was computed, what is not claimed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

PROVEN = (
    "φ stays between the bounds that it starts with: where no contour is given, none appears (maximum principle).",
    "Of two fronts of which one starts inside the other, it stays inside: fronts never cross (order is kept).",
    "Two initial contours, however they differ, end no further apart than they began, in the largest difference of φ "
    "(the map is non-expansive).",
)
NOT_CLAIMED = (
    "This holds for every image and in the initial contour. It says nothing of how the answer changes with the image, "
    "and nothing of whether it is the right one: for that, see Dice."
)


@dataclasses.dataclass(frozen=True)
class InWords:
    """The certificates of a model's runs.

    Attributes:
        model: its label.
        verdict: a sentence.
        proven: what follows from it, for every image; () if it is refused.
        measured: what was computed besides.
        terms: a row each: term, monotone ("yes" or "no") and reason.
    """

    model: str
    verdict: str
    proven: Sequence[str] = ()
    measured: Sequence[str] = ()
    terms: Sequence[Mapping[str, str]] = ()


def in_words(model: str, certificates: Sequence[Mapping[str, Any]]) -> InWords:
    """Returns the certificates of a model in words.

    Args:
        model: its label.
        certificates: those of its runs, as `lsn_tf.certificate` makes them; () where no run has one.

    Raises:
        ValueError: for one that is damaged.
    """
    try:
        return _in_words(model, certificates)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"certificates of {model} must be as lsn_tf.export writes them. Received a damaged one: {error!r}"
        ) from error


def _in_words(model: str, certificates: Sequence[Mapping[str, Any]]) -> InWords:
    if not certificates:
        return InWords(model, "There is no certificate: no run is finished and exported, or the method has none.")
    given = [one for one in certificates if one["certified"]]
    refused = [one for one in certificates if not one["certified"]]
    terms = _terms(certificates)
    measured = [*_cfl(certificates), *_stencils(certificates), *_reach(certificates), *_attack(certificates)]
    if refused:
        reasons = "; ".join(dict.fromkeys(str(one["reason"]) for one in refused))
        which = "" if not given else f" in {len(refused)} of {len(certificates)} runs"
        return InWords(model, f"Refused{which}: {reasons}.", measured=measured, terms=terms)
    runs = f"all {len(given)} runs" if len(given) > 1 else "the run"
    verdict = f"Certified: the weights of {runs} prove that every term of the equation is discretised monotonically."
    return InWords(model, verdict, PROVEN, measured, terms)


def _terms(certificates: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Returns the terms, one that is refused in any run before the same one that is not."""
    rows: dict[str, dict[str, str]] = {}
    for certificate in certificates:
        for name, found in certificate.get("terms", {}).items():
            if name not in rows or not found["monotone"]:
                monotone = "yes" if found["monotone"] else "no"
                rows[name] = {"term": name, "monotone": monotone, "reason": str(found["reason"])}
    return list(rows.values())


def _cfl(certificates: Sequence[Mapping[str, Any]]) -> list[str]:
    bounds = [one["cfl"]["bound"] for one in certificates if "cfl" in one]
    reached = [stage["cfl_reached"] for one in _on_images(certificates) for stage in one["stages"]]
    if not bounds:
        return []
    images = f"; on the images that were tried it reaches {max(reached):.3g}" if reached else ""
    return [f"The time step is chosen for every image so that the CFL number is at most {max(bounds):.3g}{images}."]


def _stencils(certificates: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [row for one in certificates for row in one.get("stencils", ())]
    if not rows:
        return []
    kinds = len({row["stencil"] for row in rows})
    defects = [row["moment_defect"] for row in rows if "moment_defect" in row]
    kept = sum(row["order"] >= row.get("order_stated", row["order"]) for row in rows)
    sentence = f"{kept:,} of {len(rows):,} stencils ({kinds} kinds) approximate their derivative to the order stated"
    if not defects:
        return [f"{sentence}."]
    exact = f"missed by {max(defects):.2g} at most" if max(defects) else "exact"
    return [f"{sentence}; their moments are {exact}."]


def _reach(certificates: Sequence[Mapping[str, Any]]) -> list[str]:
    found = _on_images(certificates)
    if not found:
        return []
    reach, bound = (max(one[f"front_motion_{what}_mm"] for one in found) for what in ("of_the_equation", "bound"))
    return [
        f"By its speeds the front can move {reach:,.0f} mm at most on the images that were tried, and no pixel looks "
        f"further than {bound:,.0f} mm."
    ]


def _attack(certificates: Sequence[Mapping[str, Any]]) -> list[str]:
    attacks = [one["attack"] for one in _on_images(certificates)]
    if not attacks:
        return []
    trials, ratio = sum(one["trials"] for one in attacks), max(one["largest_ratio"] for one in attacks)
    tried = f"{trials} pairs of level set functions were searched for a counterexample on every grid"
    if any(one["falsified"] for one in attacks):
        return [f"{tried}, and one was found: a difference grew by a factor of {ratio:.4g}, or two fronts crossed."]
    grew = f"no difference grew by more than a factor of {ratio:.4g}" if ratio > 1 else "no difference grew"
    return [f"{tried}, and none was found: {grew}. A search is no proof."]


def _on_images(certificates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one["on_images"] for one in certificates if "on_images" in one]
