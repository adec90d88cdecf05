"""What an analysis supports, in plain sentences: what holds and how sure that is, what does not, what is not tested."""

from collections.abc import Sequence

from lsn_tf.analysis.claims import Claim
from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.published_rule import in_words
from lsn_tf.analysis.white_noise import dc_energy_band

MOST_NAMED = 8  # layers, or claims of a family, that a sentence names
NULLS = {
    "permuted": "the weights of each kernel in random order",
    "gaussian": "i.i.d. normal weights",
    "untrained": "the same network before training",
}


def conclusions(findings: Findings) -> list[str]:
    """Returns the conclusions, a sentence or two each, as plain text: names in them come from the model's file."""
    return [
        _network(findings),
        *_claims(findings),
        *_published(findings),
        *_shares(findings),
        *_dc_energy(findings),
        _clusters(findings),
        *(f"Mind: {warning}" for warning in findings.summary["warnings"]),
    ]


def chance_in_words(null: str) -> str:
    """Returns what the null is."""
    return NULLS.get(null, f"weights as Keras' initialiser {null} draws them")


def _network(findings: Findings) -> str:
    summary, size = findings.summary, findings.size
    dead = {0: "none is", 1: "1 is"}.get(summary["dead_kernels"], f"{summary['dead_kernels']:,} are")
    return (
        f"The network has {summary['kernels']:,} kernels of {size} × {size} in {summary['layers']} of its "
        f"{summary['convolutions']} convolutions; {dead} dead, without a weight above 1 % of the layer's largest."
    )


def _claims(findings: Findings) -> list[str]:
    summary = findings.summary
    q, chance = summary["claims_hold_at_q"], chance_in_words(summary["options"]["null"])
    holding = [claim for claim in findings.claims if claim.q_value < q]
    tested = summary["claims_tested"]
    if not holding:
        return [
            f"None of {tested} claims holds at q < {q}. Nothing here says that any layer has more finite differences, "
            f"or more filters of image processing, than chance: {chance}."
        ]
    layers = {claim.layer for claim in holding}
    largest = max(holding, key=lambda claim: claim.share)
    sentences = [
        f"{len(holding)} of {tested} claims {_verb(holding, 'holds', 'hold')} at q < {q}, in {len(layers)} of "
        f"{summary['layers']} layers; of those that hold, at most {100 * q:.0f} % are false in the mean. Chance is "
        f"{chance}."
    ]
    for family in dict.fromkeys(claim.family for claim in holding):
        found = sorted((claim for claim in holding if claim.family == family), key=lambda claim: claim.q_value)
        sentences.append(f"{family[0].upper()}{family[1:]}: {_listed([_in_words(claim) for claim in found])}.")
    sentences.append(
        f"The largest share that holds is {_percent(largest.share)} ({largest.family}, {largest.layer}); the rest of "
        "that layer is not of the family. In all other layers and families the number of hits is what chance explains, "
        "or too small to tell."
    )
    return sentences


def _in_words(claim: Claim) -> str:
    return (
        f"{_percent(claim.share)} of {claim.layer} ({claim.hits:,} of {claim.kernels:,} kernels, 95 % interval "
        f"{_percent(claim.interval[0])} to {_percent(claim.interval[1])}; chance {_percent(claim.chance)}, "
        f"q = {claim.q_value:.2g})"
    )


def _published(findings: Findings) -> list[str]:
    if not findings.published:
        return []
    shares = findings.summary["published_rule"]
    most = sorted(shares, key=lambda name: -shares[name]["noise"])[:2]
    names = " and ".join(f"{_percent(shares[name]['share'])} {in_words(name)}" for name in most)
    noise = " and ".join(_percent(shares[name]["noise"]) for name in most)
    q = findings.summary["claims_hold_at_q"]
    above = [test for test in findings.published if test.q_value < q]
    sentence = (
        f"By the rule of the analysis of 2020, the nearest of six spectra, the kernels are {names}; of i.i.d. normal "
        f"weights {noise} are so too. "
    )
    if not above:
        return [sentence + "In no layer is any of its names more frequent than in such noise."]
    words = [
        f"{in_words(test.name)} in {test.layer} ({_percent(test.share)}; noise {_percent(test.chance)}, "
        f"q = {test.q_value:.2g})"
        for test in sorted(above, key=lambda test: test.q_value)
    ]
    return [sentence + f"More frequent than in noise {_verb(above, 'is', 'are')} {_listed(words)}."]


def _shares(findings: Findings) -> list[str]:
    q = findings.summary["claims_hold_at_q"]
    above = [share for share in findings.shares if share.q_value < q]
    sentences = []
    if not above and findings.shares:
        sentences.append(
            f"All kernels weighed alike, no layer holds more of finite differences of any order than chance "
            f"({len(findings.shares)} tests, q < {q})."
        )
    for order in sorted({share.order for share in above}):
        found = sorted((share for share in above if share.order == order), key=lambda share: share.q_value)
        words = [f"{s.layer} ({s.share:.3f}; chance {s.chance:.3f}, q = {s.q_value:.2g})" for s in found]
        sentences.append(
            f"The mean share of |k|² in finite differences of order {order} and above is higher than chance in "
            f"{_listed(words)}."
        )
    second = [share for share in findings.shares if share.order == 2]
    if below := [share for share in second if share.interval[1] < share.chance]:
        sentences.append(
            f"In {len(below)} of {len(second)} layers the 95 % interval of the share of order 2 and above lies wholly "
            "below chance: kernels there hold less of second and higher differences, so are smoother, than the null. "
            "That is seen, not tested: claims are for excess alone."
        )
    if findings.summary["options"]["null"] == "permuted":
        sentences.append(
            "Of mean zero (order 1) this null says nothing, as it keeps each kernel's sum: see the DC energy, or "
            "--null=gaussian."
        )
    return sentences


def _dc_energy(findings: Findings) -> list[str]:
    weights = findings.size**2
    tests = [share for share in findings.shares if share.order == 1]
    if not tests:
        return []
    bands = {test.layer: dc_energy_band(weights, test.kernels) for test in tests}
    above = [test for test in tests if 1 - test.share > bands[test.layer][1]]
    below = [test for test in tests if 1 - test.share < bands[test.layer][0]]
    sentences = [
        f"DC energy, the part of a kernel that is a mean, is 1/{weights} = {1 / weights:.3f} on average in white noise "
        f"and 0 in every finite difference. The layers' means lie above the band of 95 % of white noise in "
        f"{len(above)} of {len(tests)} layers and below in {len(below)}; by chance one layer in 20 lies outside."
    ]
    if above:
        highest = max(above, key=lambda test: -test.share)
        sentences.append(
            f"Where it is above, kernels hold more of a mean than white noise, so less of a difference: highest is "
            f"{1 - highest.share:.3f} in {highest.layer}."
        )
    if below:
        named = _listed([f"{test.layer} ({1 - test.share:.3f})" for test in sorted(below, key=lambda t: -t.share)])
        sentences.append(f"Where it is below, kernels are nearer to mean zero than white noise: {named}.")
    return sentences


def _clusters(findings: Findings) -> str:
    k = max((found["k"] for found in findings.summary["clusters"].values()), default=0)
    if findings.summary["options"]["clusters"]:
        return (
            f"The {k} clusters are as many as were asked for (published: 3): k-means cuts any cloud, so that there are "
            "clusters at all is not shown by them; --clusters=0 chooses by silhouette."
        )
    return f"By the largest silhouette there are {k} clusters at most; see their evidence in summary.json."


def _listed(words: Sequence[str]) -> str:
    more = len(words) - MOST_NAMED
    return "; ".join(words[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _verb(items: Sequence, one: str, many: str) -> str:
    return one if len(items) == 1 else many
