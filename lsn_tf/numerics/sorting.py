"""Sorting networks: order and median by minimum and maximum alone, which compile to arithmetic and have gradients."""

from collections.abc import Iterator


def sorting_network(n: int) -> Iterator[tuple[int, int]]:
    """Yields pairs (i, j), i < j: n values are sorted when, pair by pair, the smaller one is put at i, the larger at j.

    It is odd-even merge sort, of about n log2(n)**2 / 4 comparisons.

    Args:
        n: number of values.

    Reference: Batcher (1968), doi:10.1145/1468075.1468121; as Algorithm M of Knuth, The Art of Computer Programming,
    volume 3, section 5.2.2.
    """
    rounds = (n - 1).bit_length()
    p = 2**rounds // 2
    while p:
        q, r, d = 2**rounds // 2, 0, p
        while True:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
