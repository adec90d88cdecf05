"""The published averages follow from their rows, or it is known that they do not."""

import pytest

from lsn_tf.studies.published import COLLAPSED_FOLD, DICE, PRINTED_AVERAGES, average

WITHOUT = [fold for fold in range(5) if fold != COLLAPSED_FOLD]


def test_the_averages_of_the_lse_are_those_of_its_rows_and_not_those_printed():
    assert round(average("LSE"), 3) == 0.638
    assert round(average("LSE", WITHOUT), 3) == 0.677
    assert PRINTED_AVERAGES["LSE"] == (0.604, 0.640)


@pytest.mark.parametrize("column", sorted(DICE.keys() - {"LSE"}))
def test_the_other_printed_averages_follow_from_their_rows(column):
    assert PRINTED_AVERAGES[column] == pytest.approx((average(column), average(column, WITHOUT)), abs=0.002)


def test_there_is_a_row_for_each_fold():
    assert {len(rows) for rows in DICE.values()} == {5}
    assert DICE.keys() == PRINTED_AVERAGES.keys()


def test_an_unknown_column_and_no_fold_are_refused():
    with pytest.raises(ValueError, match="Received 'nnU-Net'"):
        average("nnU-Net")
    with pytest.raises(ValueError, match="Received \\(5,\\)"):
        average("LSE", (5,))
