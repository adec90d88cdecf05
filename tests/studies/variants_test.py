"""The grammar of --models: what separates models, and whose options are whose."""

import pytest

from lsn_tf.studies.variants import Variant, parse_variants

OF_TRAINING = ("epochs", "batch_size", "augment")


def labels(text):
    return [variant.label for variant in parse_variants(text, OF_TRAINING)]


@pytest.mark.parametrize("text", ["lse,lsn,unet", "lse lsn unet", "lse;lsn;unet", " lse, lsn ;unet,"])
def test_models_are_separated_by_commas_spaces_or_semicolons(text):
    assert labels(text) == ["lse", "lsn", "unet"]


@pytest.mark.parametrize("separator", [",", " ", ";"])
def test_the_commas_between_options_separate_no_models(separator):
    given = ["lsn", "lsn:width=8,steps=4", "unet:filters=8-8", "lsn_2019"]
    assert labels(separator.join(given)) == given


def test_options_of_the_training_are_not_the_models():
    assert parse_variants("lsn:width=8,epochs=20,augment=False,steps=4", OF_TRAINING) == (
        Variant("lsn:width=8,epochs=20,augment=False,steps=4", "lsn:width=8,steps=4", {"epochs": 20, "augment": False}),
    )
    assert parse_variants("unet:epochs=20", OF_TRAINING)[0].model == "unet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one at least"),
        (" ,;", "one at least"),
        ("lsn,lsn", "different ones"),
        ("unet:filters=4-4 unet:filters-4-4=1", "filters-4-4"),
        ("lse,vnet", "vnet"),
        ("lse,epochs=3", "lse,epochs=3"),
        ("lsn:widht=8", "Received 'widht'"),
        ("lsn:name=mine", "Received 'name'"),
        ("lsn:width", "NAME=VALUE"),
    ],
)
def test_what_is_no_model_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_variants(text, OF_TRAINING)
